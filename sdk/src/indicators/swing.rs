//! Swing points: highs and lows that the bars around them do not reach.

use super::Window;

/// A swing point that became certain with the latest bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Swing {
    /// A high above every other high around it.
    High(f64),
    /// A low below every other low around it.
    Low(f64),
}

/// Finds swing points over `2 * strength + 1` bars: a high (low) is one when none of the `strength` bars before and
/// after it is as high (low). It becomes certain `strength` bars later, and keeps the last two of each.
///
/// ```
/// use stockade_sdk::indicators::{Swing, SwingPoints};
///
/// let mut swings = SwingPoints::new(1);
/// swings.update(1.0, 0.5);
/// swings.update(2.0, 1.0);
/// assert_eq!(swings.update(1.5, 0.8), [Some(Swing::High(2.0)), None]);
/// assert_eq!(swings.last_high(), Some(2.0));
/// ```
#[derive(Clone, Debug)]
pub struct SwingPoints {
    strength: usize,
    highs: Window,
    lows: Window,
    last_highs: [Option<f64>; 2],
    last_lows: [Option<f64>; 2],
}

impl SwingPoints {
    /// With `strength` bars on each side, at least one.
    pub fn new(strength: usize) -> Self {
        let strength = strength.max(1);
        let length = 2 * strength + 1;
        SwingPoints { strength, highs: Window::new(length), lows: Window::new(length), last_highs: [None; 2], last_lows: [None; 2] }
    }

    /// Takes the next bar and gives the swing points that became certain with it: a high, a low.
    pub fn update(&mut self, high: f64, low: f64) -> [Option<Swing>; 2] {
        self.highs.push(high);
        self.lows.push(low);
        if !self.is_ready() {
            return [None; 2];
        }
        let high = peak(&self.highs, self.strength, |other, middle| other < middle);
        let low = peak(&self.lows, self.strength, |other, middle| other > middle);
        if high.is_some() {
            self.last_highs = [high, self.last_highs[0]];
        }
        if low.is_some() {
            self.last_lows = [low, self.last_lows[0]];
        }
        [high.map(Swing::High), low.map(Swing::Low)]
    }

    /// Whether enough bars have been seen for a swing point.
    pub fn is_ready(&self) -> bool {
        self.highs.is_ready()
    }

    /// The last swing high.
    pub fn last_high(&self) -> Option<f64> {
        self.last_highs[0]
    }

    /// The last swing low.
    pub fn last_low(&self) -> Option<f64> {
        self.last_lows[0]
    }

    /// Whether both the highs and the lows have risen: an upward structure. None until there are two of each.
    pub fn is_rising(&self) -> Option<bool> {
        self.both(|last, before| last > before)
    }

    /// Whether both the highs and the lows have fallen: a downward structure. None until there are two of each.
    pub fn is_falling(&self) -> Option<bool> {
        self.both(|last, before| last < before)
    }

    fn both(&self, holds: fn(f64, f64) -> bool) -> Option<bool> {
        let ([high, high_before], [low, low_before]) = (self.last_highs, self.last_lows);
        Some(holds(high?, high_before?) && holds(low?, low_before?))
    }
}

/// The middle of the window, if every other value of it lies on the given side.
fn peak(window: &Window, middle: usize, beyond: fn(f64, f64) -> bool) -> Option<f64> {
    let value = window.iter().nth(middle)?;
    let alone = window.iter().enumerate().all(|(place, other)| place == middle || beyond(other, value));
    alone.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(highs: &[f64]) -> SwingPoints {
        let mut swings = SwingPoints::new(2);
        for high in highs {
            swings.update(*high, high - 1.0);
        }
        swings
    }

    #[test]
    fn a_plateau_is_no_swing_point() {
        assert_eq!(fed(&[1.0, 2.0, 3.0, 3.0, 2.0, 1.0]).last_high(), None);
    }

    #[test]
    fn a_swing_point_is_certain_only_after_the_bars_behind_it() {
        assert_eq!(fed(&[1.0, 2.0, 3.0, 2.0]).last_high(), None);
        assert_eq!(fed(&[1.0, 2.0, 3.0, 2.0, 1.0]).last_high(), Some(3.0));
    }

    #[test]
    fn higher_highs_and_higher_lows_are_a_rising_structure() {
        let swings = fed(&[5.0, 4.0, 3.0, 4.0, 6.0, 5.0, 4.0, 5.0, 7.0, 6.0, 5.0]);
        assert_eq!((swings.last_high(), swings.last_low()), (Some(7.0), Some(3.0)));
        assert_eq!((swings.is_rising(), swings.is_falling()), (Some(true), Some(false)));
        assert_eq!(fed(&[1.0, 2.0]).is_rising(), None);
    }
}
