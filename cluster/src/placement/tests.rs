use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::BUCKETS;

/// Buckets of the same load that nobody owns.
fn unowned() -> Vec<Bucket> {
    (0..BUCKETS).map(|number| Bucket { number, owner: None, load: 1.0, pinned_to: None }).collect()
}

/// Nodes of the same weight, whose names differ with the seed.
fn nodes(seed: u32, numbers: std::ops::Range<usize>) -> Vec<Candidate> {
    numbers.map(|number| Candidate { id: format!("node-{seed}-{number}").into(), weight: 1 }).collect()
}

/// Nodes of these weights.
fn weighted(seed: u32, weights: &[u32]) -> Vec<Candidate> {
    let mut candidates = nodes(seed, 0..weights.len());
    for (candidate, weight) in candidates.iter_mut().zip(weights) {
        candidate.weight = *weight;
    }
    candidates
}

fn apply(buckets: &mut [Bucket], moves: &[Move]) {
    for Move { bucket, from, to } in moves {
        let slot = buckets.iter_mut().find(|slot| slot.number == *bucket).expect("a bucket that there is");
        assert_eq!(&slot.owner, from, "bucket {bucket}");
        slot.owner = Some(to.clone());
    }
}

/// What each owner has.
fn loads(buckets: &[Bucket]) -> BTreeMap<&str, f64> {
    let mut loads = BTreeMap::new();
    for bucket in buckets {
        *loads.entry(bucket.owner.as_deref().expect("an owner")).or_default() += bucket.load;
    }
    loads
}

/// The bound of a node: 1.25 times its share.
fn bound(candidate: &Candidate, candidates: &[Candidate], buckets: &[Bucket]) -> f64 {
    let total: f64 = buckets.iter().map(|bucket| bucket.load).sum();
    let weights: f64 = candidates.iter().map(|candidate| f64::from(candidate.weight)).sum();
    1.25 * total * f64::from(candidate.weight) / weights
}

/// Any cluster: nodes of any weights, a few of which are gone, buckets of any loads, owners and pins.
fn any_cluster() -> impl Strategy<Value = (Vec<Candidate>, Vec<Bucket>)> {
    let candidates = (0_u32..10_000, prop::collection::vec(0_u32..5, 1..9));
    candidates.prop_flat_map(|(seed, weights)| {
        let candidates = weighted(seed, &weights);
        let known = candidates.len() + 2;
        let name = move |number: usize| Box::from(format!("node-{seed}-{number}"));
        let node = move || prop::option::weighted(0.9, (0..known).prop_map(name));
        let pin = move || prop::option::weighted(0.05, (0..known).prop_map(name));
        let load = prop_oneof![8 => 1.0..3.0, 2 => 1.0..100.0, 1 => Just(1.0)];
        let buckets = prop::collection::vec((node(), load, pin()), 0..200);
        buckets.prop_map(move |buckets| {
            let slot = |(number, (owner, load, pinned_to)): (usize, _)| Bucket {
                number: u16::try_from(number).expect("few buckets"),
                owner,
                load,
                pinned_to,
            };
            (candidates.clone(), buckets.into_iter().enumerate().map(slot).collect())
        })
    })
}

/// Adds the last of the candidates to the others and says how many buckets moved.
fn moved_by_joining(candidates: &[Candidate], buckets: &mut [Bucket]) -> usize {
    let moves = rebalance(candidates, buckets);
    apply(buckets, &moves);
    moves.len()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// A cluster that grows node by node: each addition to N nodes moves at most 1.3 / (N + 1) of the buckets.
    #[test]
    fn a_node_that_joins_moves_little(seed in any::<u32>(), count in 2_usize..20) {
        let all = nodes(seed, 0..count);
        let mut buckets = unowned();
        apply(&mut buckets, &place_orphans(&all[..1], &unowned()));
        for size in 2..=count {
            let moved = moved_by_joining(&all[..size], &mut buckets);
            prop_assert!(moved as f64 <= 1.3 * f64::from(BUCKETS) / size as f64, "{moved} of {size} nodes");
            let new = loads(&buckets).get(&*all[size - 1].id).copied().unwrap_or_default();
            prop_assert!(new >= 0.6 * f64::from(BUCKETS) / size as f64, "{new} for the new of {size} nodes");
        }
    }

    /// The same where all nodes but the last were there from the start.
    #[test]
    fn a_node_that_joins_a_fresh_cluster_moves_little(seed in any::<u32>(), count in 2_usize..33) {
        let all = nodes(seed, 0..count);
        let mut buckets = unowned();
        apply(&mut buckets, &place_orphans(&all[..count - 1], &unowned()));
        let moved = moved_by_joining(&all, &mut buckets);
        prop_assert!(moved as f64 <= 1.3 * f64::from(BUCKETS) / count as f64, "{moved} of {count} nodes");
    }

    /// Whatever the loads, a node that is gone leaves everything else where it is.
    #[test]
    fn a_failure_moves_only_what_the_failed_had((candidates, buckets) in any_cluster()) {
        for moved in place_orphans(&candidates[1..], &buckets) {
            let from = moved.from.as_deref();
            prop_assert!(!candidates[1..].iter().any(|left| left.weight > 0 && Some(&*left.id) == from));
        }
    }

    /// Also a rebalance moves nothing else, when the nodes that are left had the same weights and loads.
    #[test]
    fn a_node_that_leaves_moves_only_its_own(seed in any::<u32>(), count in 2_usize..20, leaver in any::<prop::sample::Index>()) {
        let mut left = nodes(seed, 0..count);
        let mut buckets = unowned();
        apply(&mut buckets, &place_orphans(&left, &unowned()));
        let gone = left.remove(leaver.index(count)).id;
        let owned = buckets.iter().filter(|bucket| bucket.owner.as_ref() == Some(&gone)).count();
        let moves = rebalance(&left, &buckets);
        prop_assert_eq!(moves.len(), owned);
        prop_assert!(moves.iter().all(|moved| moved.from.as_ref() == Some(&gone)));
    }

    /// Buckets of one load fit everywhere, so no node has more than its bound, whatever was before.
    #[test]
    fn equal_buckets_stay_within_the_bounds(seed in any::<u32>(), weights in prop::collection::vec(1_u32..5, 1..33)) {
        let candidates = weighted(seed, &weights);
        let mut buckets = unowned();
        apply(&mut buckets, &place_orphans(&candidates[..1], &unowned()));
        for (start, with) in [(unowned(), place_orphans as fn(&_, &_) -> _), (buckets, rebalance)] {
            let mut buckets = start;
            let moves = with(&candidates, &buckets);
            apply(&mut buckets, &moves);
            for candidate in &candidates {
                let load = loads(&buckets).get(&*candidate.id).copied().unwrap_or_default();
                prop_assert!(load <= bound(candidate, &candidates, &buckets), "{candidate:?} has {load}");
            }
        }
    }

    /// Whatever the loads: pins are met, and what is above a bound fits nowhere else.
    #[test]
    fn pins_are_met_and_excess_has_nowhere_to_go((candidates, mut buckets) in any_cluster()) {
        let moves = rebalance(&candidates, &buckets);
        apply(&mut buckets, &moves);
        let candidates: Vec<_> = candidates.into_iter().filter(|candidate| candidate.weight > 0).collect();
        prop_assume!(!candidates.is_empty());
        let loads = loads(&buckets);
        let load = |candidate: &Candidate| loads.get(&*candidate.id).copied().unwrap_or_default();
        for bucket in &buckets {
            let of = |id: &Option<Box<str>>| candidates.iter().find(|candidate| Some(&candidate.id) == id.as_ref());
            let owner = of(&bucket.owner).expect("a candidate owns it");
            if let Some(pin) = of(&bucket.pinned_to) {
                prop_assert_eq!(owner, pin);
            } else if load(owner) > bound(owner, &candidates, &buckets) + 1.0 {
                for other in candidates.iter().filter(|other| *other != owner) {
                    let after = load(other) + bucket.load;
                    prop_assert!(after > bound(other, &candidates, &buckets) - 1.0, "{bucket:?} fits {other:?}");
                }
            }
        }
    }

    #[test]
    fn a_second_rebalance_moves_nothing((candidates, mut buckets) in any_cluster()) {
        let moves = rebalance(&candidates, &buckets);
        apply(&mut buckets, &moves);
        prop_assert_eq!(rebalance(&candidates, &buckets), []);
        prop_assert_eq!(place_orphans(&candidates, &buckets), []);
    }

    #[test]
    fn the_order_of_the_input_does_not_matter(
        (candidates, buckets, other_candidates, other_buckets) in any_cluster().prop_flat_map(|(candidates, buckets)| (
            Just(candidates.clone()),
            Just(buckets.clone()),
            Just(candidates).prop_shuffle(),
            Just(buckets).prop_shuffle(),
        ))
    ) {
        prop_assert_eq!(rebalance(&candidates, &buckets), rebalance(&other_candidates, &other_buckets));
        prop_assert_eq!(place_orphans(&candidates, &buckets), place_orphans(&other_candidates, &other_buckets));
    }

    /// Loads are measured anew each time and differ a little.
    #[test]
    fn wavering_loads_move_nothing(seed in any::<u32>(), drifts in prop::collection::vec(0.95..1.05, 1024)) {
        let candidates = nodes(seed, 0..4);
        let mut buckets = unowned();
        buckets.iter_mut().for_each(|bucket| bucket.load = 10.0);
        let moves = rebalance(&candidates, &buckets);
        apply(&mut buckets, &moves);
        for (bucket, drift) in buckets.iter_mut().zip(drifts) {
            bucket.load *= drift;
        }
        prop_assert!(rebalance(&candidates, &buckets).len() <= 4);
    }
}

#[test]
fn nobody_there_means_no_moves() {
    let weightless = Candidate { id: "a".into(), weight: 0 };
    for candidates in [vec![], vec![weightless]] {
        assert_eq!(place_orphans(&candidates, &unowned()), []);
        assert_eq!(rebalance(&candidates, &unowned()), []);
    }
}

/// A performance that outweighs all others gets a node for itself.
#[test]
fn a_bucket_above_every_bound_is_left_alone() {
    let candidates = nodes(1, 0..3);
    let mut buckets = unowned();
    buckets[7].load = 100_000.0;
    let moves = rebalance(&candidates, &buckets);
    apply(&mut buckets, &moves);
    assert_eq!(rebalance(&candidates, &buckets), []);
    let host = buckets[7].owner.as_deref().expect("an owner");
    assert_eq!(loads(&buckets)[host], 100_000.0);
}

/// Loads that make no sense count as those that make some.
#[test]
fn loads_out_of_range_are_clamped() {
    let candidates = nodes(1, 0..2);
    let mut buckets = unowned();
    for (bucket, load) in buckets.iter_mut().zip([f64::NAN, f64::INFINITY, -1.0, 0.0, f64::MAX]) {
        bucket.load = load;
    }
    assert_eq!(rebalance(&candidates, &buckets).len(), usize::from(BUCKETS));
}

/// Nodes of different releases must agree, or each would move what the other has placed.
#[test]
fn the_ranking_never_changes() {
    let candidates: Vec<_> =
        ["earlybird-0", "earlybird-1", "earlybird-2"].map(|id| Candidate { id: id.into(), weight: 1 }).into();
    let owners: String = place_orphans(&candidates, &unowned()[..32])
        .iter()
        .filter_map(|moved| moved.to.chars().last())
        .collect();
    assert_eq!(owners, "11100112200020110211021122202011");
}
