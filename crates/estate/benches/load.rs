//! What loading costs, in time and in memory.

#![expect(clippy::unwrap_used, reason = "a benchmark")]

use std::io::{self, Read};

use bailiwick_estate::{Estate, File};
use divan::counter::BytesCount;

#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

/// An account with 946 of AWS's managed policies, its organisation and its agents.
#[divan::bench(args = [100, 1_000, 10_000], sample_count = 5, sample_size = 1)]
fn snapshot(bencher: divan::Bencher<'_, '_>, roles: usize) {
    let Some(files) = bailiwick_testkit::estates::snapshot(roles) else {
        return;
    };
    let bytes: usize = files.iter().map(|(_, text)| text.len()).sum();
    bencher.counter(BytesCount::new(bytes)).bench(|| {
        let files = files.iter();
        let file = |(path, text): &'_ (String, String)| File {
            given: "estate".into(),
            below: path.clone(),
            open: {
                let text = text.clone().into_bytes();
                Box::new(move || Ok(Box::new(io::Cursor::new(text.clone()))))
            },
        };
        Estate::load(files.map(file).collect()).unwrap()
    });
}

/// One file of so many roles that is never in memory: made while it is read.
#[divan::bench(args = [10_000, 100_000], sample_count = 1, sample_size = 1)]
fn streamed(roles: usize) -> usize {
    let file = File {
        given: "iam.json".into(),
        below: String::new(),
        open: Box::new(move || Ok(Box::new(Roles::new(roles)))),
    };
    Estate::load(vec![file]).unwrap().roles.len()
}

/// The text of an account with so many roles, each with a trust and an inline policy of its own.
struct Roles {
    next: usize,
    last: usize,
    text: io::Cursor<String>,
}

impl Roles {
    fn new(last: usize) -> Self {
        Self {
            next: 0,
            last,
            text: io::Cursor::new(r#"{"RoleDetailList":["#.into()),
        }
    }

    fn following(&mut self) -> Option<String> {
        let number = self.next;
        self.next += 1;
        if number > self.last {
            return None;
        }
        if number == self.last {
            return Some("]}".into());
        }
        let comma = if number == 0 { "" } else { ",\n" };
        Some(format!(
            r#"{comma}{{"Path":"/agents/","RoleName":"agent-{number}","RoleId":"AROA{number:016}","Arn":"arn:aws:iam::111122223333:role/agents/agent-{number}","CreateDate":"2026-01-01T00:00:00+00:00","AssumeRolePolicyDocument":{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":"lambda.amazonaws.com"}},"Action":"sts:AssumeRole"}}]}},"InstanceProfileList":[],"RolePolicyList":[{{"PolicyName":"own","PolicyDocument":{{"Version":"2012-10-17","Statement":[{{"Sid":"Read","Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":"arn:aws:s3:::bucket-{number}/*"}},{{"Sid":"Write","Effect":"Allow","Action":"dynamodb:PutItem","Resource":"arn:aws:dynamodb:us-east-1:111122223333:table/t-{number}","Condition":{{"StringEquals":{{"aws:PrincipalTag/team":"t{number}"}}}}}}]}}}}],"AttachedManagedPolicies":[],"Tags":[{{"Key":"team","Value":"t{number}"}}],"RoleLastUsed":{{}}}}"#
        ))
    }
}

impl Read for Roles {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.text.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            match self.following() {
                Some(text) => self.text = io::Cursor::new(text),
                None => return Ok(0),
            }
        }
    }
}
