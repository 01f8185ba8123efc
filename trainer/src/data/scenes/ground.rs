//! What objects lie on: textured grounds in two or three colours, and the uneven light that falls on everything.

use super::noise::ValueNoise;
use crate::data::Rng;

/// A colour, linear from 0 to 1 in red, green, blue.
pub type Colour = [f32; 3];

/// Colour of a hue (turns), saturation and value, each 0 to 1.
pub fn hsv(hue: f32, saturation: f32, value: f32) -> Colour {
    [5.0, 3.0, 1.0].map(|n: f32| {
        let k = (n + hue.rem_euclid(1.0) * 6.0) % 6.0;
        value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0)
    })
}

/// The colour `share` of the way from `a` to `b`.
pub fn mix(a: Colour, b: Colour, share: f32) -> Colour {
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * share)
}

#[derive(Clone, Copy, Debug)]
enum Texture {
    Clouds,
    Wood,
    Tiles,
    Weave,
    Speckle,
}

/// A texture that covers the plane. Coordinates are in units of the picture's shorter side.
#[derive(Clone, Debug)]
pub struct Ground {
    texture: Texture,
    colours: [Colour; 3],
    noise: ValueNoise,
    scale: f32,
    direction: (f32, f32),
}

impl Ground {
    /// A random ground.
    pub fn random(rng: &mut Rng) -> Ground {
        let texture = [Texture::Clouds, Texture::Wood, Texture::Tiles, Texture::Weave, Texture::Speckle][rng.below(5)];
        let (hue, value) = (rng.unit(), rng.range(0.25, 0.85));
        let mut tone = |spread: f32| {
            let saturation = rng.range(0.05, 0.5);
            hsv(hue + rng.range(-0.08, 0.08), saturation, (value + rng.range(-spread, spread)).clamp(0.08, 0.97))
        };
        let colours = [tone(0.05), tone(0.3), tone(0.3)];
        let angle = rng.range(0.0, std::f32::consts::TAU);
        Ground {
            texture,
            colours,
            noise: ValueNoise(rng.next()),
            scale: rng.range(2.5, 7.0),
            direction: (angle.cos(), angle.sin()),
        }
    }

    /// The main colour, which things on this ground have to differ from.
    pub fn tone(&self) -> Colour {
        mix(self.colours[0], self.colours[1], 0.4)
    }

    /// The colour at a point.
    pub fn at(&self, x: f32, y: f32) -> Colour {
        let (dx, dy) = self.direction;
        let (u, v) = ((x * dx + y * dy) * self.scale, (y * dx - x * dy) * self.scale);
        let [base, second, third] = self.colours;
        match self.texture {
            Texture::Clouds => {
                let share = self.noise.fractal(u, v, 4);
                mix(mix(base, second, share), third, (self.noise.at(u * 3.1 + 40.0, v * 3.1) - 0.6).max(0.0))
            }
            Texture::Wood => {
                let grain = self.noise.fractal(u * 0.35, v * 3.0, 3);
                mix(base, second, 0.5 + 0.5 * (grain * 28.0).sin() * (0.4 + 0.6 * grain))
            }
            Texture::Tiles => {
                let (cell_u, cell_v) = (u.floor(), v.floor());
                let edge = (u - cell_u).min(cell_u + 1.0 - u).min((v - cell_v).min(cell_v + 1.0 - v));
                let shade = self.noise.at(cell_u * 7.3 + 0.5, cell_v * 5.9 + 0.5);
                let face = mix(base, second, 0.6 * shade + 0.3 * self.noise.fractal(u * 2.0, v * 2.0, 2));
                mix(third, face, (edge / 0.05).min(1.0))
            }
            Texture::Weave => {
                let wave = (u * 9.0).sin() * (v * 9.0).sin();
                let share = 0.35 + 0.3 * wave + 0.4 * self.noise.fractal(u, v, 3);
                mix(base, second, share.clamp(0.0, 1.0))
            }
            Texture::Speckle => {
                let spot = self.noise.at(u * 5.0, v * 5.0);
                let ground = mix(base, second, self.noise.fractal(u * 0.6, v * 0.6, 2));
                mix(ground, third, ((spot - 0.68) * 8.0).clamp(0.0, 1.0))
            }
        }
    }
}

/// Uneven light: a slope across the picture and a lamp somewhere over it.
#[derive(Clone, Copy, Debug)]
pub struct Light {
    slope: (f32, f32),
    lamp: (f32, f32),
    reach: f32,
    strength: f32,
    ambient: f32,
}

impl Light {
    /// Random light.
    pub fn random(rng: &mut Rng) -> Light {
        let (angle, steepness) = (rng.range(0.0, std::f32::consts::TAU), rng.range(0.0, 0.5));
        Light {
            slope: (angle.cos() * steepness, angle.sin() * steepness),
            lamp: (rng.range(-0.2, 1.2), rng.range(-0.2, 1.2)),
            reach: rng.range(0.3, 0.9),
            strength: rng.range(0.0, 0.7),
            ambient: rng.range(0.55, 0.95),
        }
    }

    /// What colours are multiplied by at a point.
    pub fn at(&self, x: f32, y: f32) -> f32 {
        let (dx, dy) = (x - self.lamp.0, y - self.lamp.1);
        let lamp = self.strength * (-(dx * dx + dy * dy) / (self.reach * self.reach)).exp();
        (self.ambient + lamp + self.slope.0 * (x - 0.5) + self.slope.1 * (y - 0.5)).max(0.12)
    }

    /// The direction in which shadows fall, away from the lamp.
    pub fn shadow(&self) -> (f32, f32) {
        let (dx, dy) = (0.5 - self.lamp.0, 0.5 - self.lamp.1);
        let length = (dx * dx + dy * dy).sqrt().max(0.1);
        (dx / length, dy / length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hues_are_where_they_belong() {
        assert_eq!(hsv(0.0, 1.0, 1.0), [1.0, 0.0, 0.0]);
        assert_eq!(hsv(1.0 / 3.0, 1.0, 1.0).map(f32::round), [0.0, 1.0, 0.0]);
        assert_eq!(hsv(0.7, 0.0, 0.5), [0.5; 3]);
    }
}
