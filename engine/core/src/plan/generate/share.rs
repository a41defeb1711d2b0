//! Dividing a whole number in proportion, without losing one.

/// Splits `total` in proportion to `weights` by largest remainder; ties go to the earlier part. The parts sum to
/// `total` exactly.
pub(super) fn share(total: u32, weights: &[u64]) -> Vec<u32> {
    let sum: u128 = weights.iter().map(|&weight| u128::from(weight)).sum();
    assert!(sum > 0, "something to share among");
    let exact = |weight: u64| u128::from(total) * u128::from(weight);
    let mut parts: Vec<u32> = weights
        .iter()
        .map(|&weight| u32::try_from(exact(weight) / sum).expect("a part is not above the total"))
        .collect();
    let given: u32 = parts.iter().sum();
    let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
    by_remainder.sort_by_key(|&i| (std::cmp::Reverse(exact(weights[i]) % sum), i));
    for &i in by_remainder.iter().take((total - given) as usize) {
        parts[i] += 1;
    }
    parts
}

/// Tier of each part when sorted by distance: parts are cut where the running count passes each per cent of `cuts`.
pub(super) fn by_distance(distances: &[i64], counts: &[u32], cuts_percent: &[u64]) -> Vec<usize> {
    let total: u64 = counts.iter().map(|&count| u64::from(count)).sum();
    let mut order: Vec<usize> = (0..distances.len()).collect();
    order.sort_by_key(|&i| (distances[i], i));
    let mut tiers = vec![0; distances.len()];
    let mut before = 0;
    for i in order {
        tiers[i] = cuts_percent.iter().filter(|&&cut| before * 100 >= total * cut).count();
        before += u64::from(counts[i]);
    }
    tiers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_proportional_and_sum_up() {
        assert_eq!(share(10, &[1, 1, 1]), [4, 3, 3]);
        assert_eq!(share(7, &[3, 1]), [5, 2]);
        assert_eq!(share(0, &[5, 5]), [0, 0]);
    }

    #[test]
    fn near_parts_come_first() {
        assert_eq!(by_distance(&[30, 10, 20, 40], &[1, 1, 1, 1], &[25, 75]), [1, 0, 1, 2]);
    }
}
