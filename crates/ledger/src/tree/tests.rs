use proptest::prelude::*;

use super::*;

fn at(index: u64) -> usize {
    usize::try_from(index).unwrap()
}

// The tree of certificate-transparency-go's tests, used across implementations of RFC 6962.
const LEAVES: [&[u8]; 8] = [
    b"",
    &[0x00],
    &[0x10],
    &[0x20, 0x21],
    &[0x30, 0x31],
    &[0x40, 0x41, 0x42, 0x43],
    &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
    &[
        0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e,
        0x6f,
    ],
];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

#[test]
fn roots_are_those_of_rfc_6962() {
    let mut frontier = Frontier::default();
    assert_eq!(
        frontier.root().to_string(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    for (content, root) in LEAVES.iter().zip(ROOTS) {
        frontier.push(leaf(content));
        assert_eq!(frontier.root().to_string(), root);
    }
}

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|at| leaf(&at.to_be_bytes())).collect()
}

fn root(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier.root()
}

#[test]
fn every_leaf_of_every_small_tree_has_its_proof() {
    let all = leaves(40);
    for size in 1..=40 {
        let tree = &all[..at(size)];
        let root = root(tree);
        for index in 0..size {
            let proof = inclusion(index, size, &mut &*tree).unwrap();
            let leaf = all[at(index)];
            assert_eq!(root_of_inclusion(leaf, index, size, &proof), Some(root));
            for elsewhere in (0..size).filter(|elsewhere| *elsewhere != index) {
                let found = root_of_inclusion(leaf, elsewhere, size, &proof);
                assert_ne!(
                    found,
                    Some(root),
                    "{index} of {size} passes for {elsewhere}"
                );
            }
        }
    }
}

#[test]
fn every_small_tree_is_proved_to_be_the_beginning_of_the_larger_ones() {
    let all = leaves(40);
    let root = |size: u64| (size, root(&all[..at(size)]));
    for new in 0..=40 {
        for old in 0..=new {
            let proof = consistency(old, new, &mut all.as_slice()).unwrap();
            assert!(is_consistent(root(old), root(new), &proof), "{old} {new}");
            let other = (old, leaf(b"another history"));
            assert!(!is_consistent(other, root(new), &proof), "{old} {new}");
        }
    }
    assert!(!is_consistent(root(5), root(4), &[]));
}

#[test]
fn a_frontier_survives_being_kept() {
    let mut frontier = Frontier::default();
    for leaf in leaves(70) {
        let kept = Frontier::from_bytes(frontier.size(), &frontier.to_bytes());
        assert_eq!(kept.as_ref(), Some(&frontier));
        frontier.push(leaf);
    }
    assert_eq!(Frontier::from_bytes(3, &frontier.to_bytes()[..32]), None);
    assert_eq!(Frontier::from_bytes(1, b"short"), None);
}

#[test]
fn completed_nodes_are_the_roots_over_their_leaves() {
    let all = leaves(33);
    let mut frontier = Frontier::default();
    let mut seen = 0;
    for leaf in &all {
        frontier.push_seeing(*leaf, |level, index, hash| {
            let (from, to) = (index << level, (index + 1) << level);
            assert_eq!(all.as_slice().root_over(from..to), Ok(hash));
            seen += 1;
        });
    }
    assert_eq!(seen, 16 + 8 + 4 + 2 + 1);
}

proptest! {
    #[test]
    fn a_damaged_proof_proves_nothing(size in 2_u64..300, which_leaf in any::<prop::sample::Index>(), which in any::<prop::sample::Index>()) {
        let all = leaves(size);
        let index = which_leaf.index(at(size)) as u64;
        let mut proof = inclusion(index, size, &mut all.as_slice()).unwrap();
        let damaged = which.index(proof.len());
        proof[damaged] = leaf(b"damage");
        prop_assert_ne!(
            root_of_inclusion(all[at(index)], index, size, &proof),
            Some(root(&all))
        );
        proof.pop();
        prop_assert_ne!(
            root_of_inclusion(all[at(index)], index, size, &proof),
            Some(root(&all))
        );
    }
}
