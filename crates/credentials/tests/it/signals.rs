use std::{
    collections::VecDeque,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
};

use bailiwick_credentials::{Receiver, Sign, Signals};

use crate::house::{AccountClock, House, NoLog};

/// Somebody who is told: keeps the bodies, and answers as it is told.
struct Told {
    bodies: Arc<Mutex<Vec<(String, String)>>>,
    receiver: Receiver,
}

impl Told {
    fn answering(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let bodies: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let kept = Arc::clone(&bodies);
        let mut statuses: VecDeque<u16> = statuses.iter().copied().collect();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let (mut head, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).unwrap();
                    if line.trim().is_empty() {
                        break;
                    }
                    if let Some(told) = line.to_lowercase().strip_prefix("content-length:") {
                        length = told.trim().parse().unwrap();
                    }
                    head.push_str(&line);
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).unwrap();
                let status = statuses.pop_front().unwrap_or(202);
                if status == 202 {
                    let body = String::from_utf8(body).unwrap();
                    kept.lock().unwrap().push((head, body));
                }
                let answer = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                );
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        });
        Self {
            bodies,
            receiver: format!("http://{address}/events").parse().unwrap(),
        }
    }

    fn grants(&self) -> Vec<String> {
        let bodies = self.bodies.lock().unwrap();
        bodies.iter().map(|(_, body)| body.clone()).collect()
    }
}

fn signals(house: &House, told: &Told) -> Signals<bailiwick_store::Memory, NoLog, AccountClock> {
    let sign: Sign = Arc::new(|end, _| format!("{} of {} by {}", end.grant, end.agent, end.reason));
    let authorization = Some("Bearer receiver".to_owned());
    let broker = Arc::clone(&house.broker);
    Signals::new(broker, told.receiver.clone(), authorization, sign)
}

#[tokio::test]
async fn a_receiver_is_told_of_each_end_once_and_in_order_and_of_nothing_before_it_came() {
    let house = House::of(&["reader"]).await;
    house.grant("before", "reader", 600).await;
    house.end("before").await;
    let told = Told::answering(&[]);
    let mut following = signals(&house, &told);
    assert!(following.turn().await.unwrap());
    assert_eq!(told.grants(), Vec::<String>::new());
    for id in ["g1", "g2", "g3"] {
        house.grant(id, "reader", 600).await;
    }
    house.end("g2").await;
    house.end("g1").await;
    assert!(following.turn().await.unwrap());
    assert!(following.turn().await.unwrap());
    let expected = ["g2 of reader by ", "g1 of reader by "];
    assert_eq!(told.grants(), expected);
    let head = told.bodies.lock().unwrap()[0].0.to_lowercase();
    assert!(head.starts_with("post /events http/1.1"), "{head}");
    assert!(head.contains("content-type: application/secevent+jwt"));
    assert!(head.contains("authorization: bearer receiver"));

    // After a restart it goes on where it was.
    house.end("g3").await;
    let next = house.taken_over().await;
    let mut following = signals(&next, &told);
    assert!(following.turn().await.unwrap());
    assert_eq!(told.grants().len(), 3);
}

#[tokio::test]
async fn a_receiver_that_fails_is_told_again_and_one_that_refuses_is_not() {
    let house = House::of(&["reader"]).await;
    let told = Told::answering(&[500, 503, 302, 429, 202, 400]);
    let mut following = signals(&house, &told);
    following.turn().await.unwrap();
    for id in ["g1", "g2", "g3"] {
        house.grant(id, "reader", 600).await;
        house.end(id).await;
    }
    let mut turns = 0;
    while !following.turn().await.unwrap() {
        turns += 1;
        assert!(turns < 1_000);
        house.advance(1);
    }
    // The first after four failures; the second was refused; the third.
    let expected = ["g1 of reader by ", "g3 of reader by "];
    assert_eq!(told.grants(), expected);
}
