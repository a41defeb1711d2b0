//! Sine and cosine that give the same bits everywhere.

/// Sine and cosine of an angle in turns (1.0 is a full circle), by Taylor series on an eighth of a turn.
pub(super) fn sin_cos(turns: f64) -> (f64, f64) {
    let turns = turns - turns.floor();
    let quarter = (turns * 4.0 + 0.5).floor();
    let x = (turns - quarter / 4.0) * std::f64::consts::TAU;
    let (sin, cos) = (series(x, x, 1.0), series(1.0, x, 0.0));
    match quarter as u8 % 4 {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

/// `first − first·x²/((k+1)(k+2)) + …`: the sine series from (x, k=1), the cosine series from (1, k=0).
fn series(first: f64, x: f64, k: f64) -> f64 {
    let (mut term, mut sum, mut k) = (first, first, k);
    // |x| ≤ π/4: the tenth term is below 1e-19.
    for _ in 0..10 {
        term *= -x * x / ((k + 1.0) * (k + 2.0));
        sum += term;
        k += 2.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_agrees_with_the_platform() {
        for step in -40..=40 {
            let turns = f64::from(step) / 32.0;
            let (sin, cos) = sin_cos(turns);
            let angle = turns * std::f64::consts::TAU;
            assert!((sin - angle.sin()).abs() < 1e-12 && (cos - angle.cos()).abs() < 1e-12, "{turns}");
        }
    }
}
