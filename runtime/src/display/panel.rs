//! Panels whose controller speaks MIPI's display command set, as an ST7789 or an ILI9341, through the crate `mipidsi`, which
//! knows how each is set up.

use std::io;

use embedded_graphics::pixelcolor::Rgb565;
use embedded_hal::delay::DelayNs;
use mipidsi::interface::{Interface, InterfaceKind};
use mipidsi::models::{ILI9341Rgb565, Model, ST7789};
use mipidsi::options::{ColorInversion, ColorOrder, Orientation, Rotation};
use mipidsi::{Builder, InitError, NoResetPin};

use super::{Area, Depth, Screen};

/// Bytes that go to the bus at a time: what Linux' SPI driver takes.
const CHUNK: usize = 4096;

/// What a panel hangs on.
pub trait Bus {
    /// Sends a command and its arguments.
    ///
    /// # Errors
    /// What the system says.
    fn command(&mut self, command: u8, arguments: &[u8]) -> io::Result<()>;

    /// Sends pixels; at most 4096 bytes.
    ///
    /// # Errors
    /// What the system says.
    fn pixels(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// The chip that drives the panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controller {
    /// Sitronix ST7789: 240 × 240 and 240 × 320.
    St7789,
    /// Ilitek ILI9341: 240 × 320.
    Ili9341,
}

/// How a panel is mounted and made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PanelOptions {
    /// Width and height as seen.
    pub size: [usize; 2],
    /// Degrees clockwise by which the picture is turned: 0, 90, 180 or 270.
    pub rotation: u16,
    /// Whether the panel shows each colour's complement, so that they have to be inverted.
    pub inverted: bool,
    /// Whether the panel's stripes are blue, green and red.
    pub bgr: bool,
    /// Whether the panel's columns run from right to left.
    pub mirrored: bool,
    /// Columns and rows of the controller before the first that is seen, unturned.
    pub offset: [u16; 2],
}

impl PanelOptions {
    /// What most panels with that controller are. One that is wider than the controller's 240 columns is turned by 90°.
    pub fn of(controller: Controller, size: [usize; 2]) -> PanelOptions {
        let ili9341 = controller == Controller::Ili9341;
        PanelOptions {
            size,
            rotation: if size[0] > 240 { 90 } else { 0 },
            inverted: !ili9341,
            bgr: ili9341,
            mirrored: ili9341,
            offset: [0; 2],
        }
    }
}

/// A panel that is set up.
pub struct Panel<B: Bus> {
    display: Driver<B>,
    size: [usize; 2],
}

enum Driver<B: Bus> {
    St7789(mipidsi::Display<Wire<B>, ST7789, NoResetPin>),
    Ili9341(mipidsi::Display<Wire<B>, ILI9341Rgb565, NoResetPin>),
}

impl<B: Bus> Panel<B> {
    /// Sets the panel up, which takes a third of a second, spent in `delay`.
    ///
    /// # Errors
    /// What the bus says, or that the controller has no such size.
    pub fn new(
        controller: Controller,
        bus: B,
        options: &PanelOptions,
        delay: &mut impl DelayNs,
    ) -> io::Result<Panel<B>> {
        let wire = Wire { bus, chunk: Vec::with_capacity(CHUNK) };
        let display = match controller {
            Controller::St7789 => Driver::St7789(set_up(ST7789, wire, options, delay)?),
            Controller::Ili9341 => Driver::Ili9341(set_up(ILI9341Rgb565, wire, options, delay)?),
        };
        Ok(Panel { display, size: options.size })
    }
}

fn set_up<B: Bus, M: Model<ColorFormat = Rgb565>>(
    model: M,
    wire: Wire<B>,
    options: &PanelOptions,
    delay: &mut impl DelayNs,
) -> io::Result<mipidsi::Display<Wire<B>, M, NoResetPin>> {
    let wrong = |problem: &str| io::Error::new(io::ErrorKind::InvalidInput, problem);
    let rotation = Rotation::try_from_degree(options.rotation.into());
    let rotation = rotation.map_err(|_| wrong("turns by 0, 90, 180 or 270 degrees"))?;
    let orientation = Orientation { rotation, mirrored: options.mirrored };
    let [across, down] = options.size.map(|side| u16::try_from(side).unwrap_or(u16::MAX));
    let (width, height) = if rotation.is_horizontal() { (across, down) } else { (down, across) };
    let display = Builder::new(model, wire)
        .display_size(width, height)
        .display_offset(options.offset[0], options.offset[1])
        .orientation(orientation)
        .invert_colors(if options.inverted { ColorInversion::Inverted } else { ColorInversion::Normal })
        .color_order(if options.bgr { ColorOrder::Bgr } else { ColorOrder::Rgb })
        .init(delay);
    display.map_err(|error| match error {
        InitError::Interface(error) => error,
        _ => wrong(
            "the controller has 240 × 320 pixels, which size and offset do not fit; one that is wider has to be turned",
        ),
    })
}

impl<B: Bus> Screen for Panel<B> {
    fn size(&self) -> [usize; 2] {
        self.size
    }

    fn depth(&self) -> Depth {
        Depth::Rgb565
    }

    fn show(&mut self, area: &Area, pixels: &[u8]) -> io::Result<()> {
        let width = self.size[0];
        let colours = (area.top..area.bottom)
            .flat_map(|y| area.row(y, width, pixels))
            .map(|&[red, green, blue]| Rgb565::new(red >> 3, green >> 2, blue >> 3));
        // Sizes were checked when the panel was set up.
        let [left, top, right, bottom] = [area.left, area.top, area.right - 1, area.bottom - 1].map(|edge| edge as u16);
        match &mut self.display {
            Driver::St7789(display) => display.set_pixels(left, top, right, bottom, colours),
            Driver::Ili9341(display) => display.set_pixels(left, top, right, bottom, colours),
        }
    }
}

/// A bus as the driver wants it.
struct Wire<B> {
    bus: B,
    chunk: Vec<u8>,
}

impl<B: Bus> Wire<B> {
    fn flush(&mut self) -> io::Result<()> {
        if !self.chunk.is_empty() {
            self.bus.pixels(&self.chunk)?;
            self.chunk.clear();
        }
        Ok(())
    }
}

impl<B: Bus> Interface for Wire<B> {
    type Word = u8;
    type Error = io::Error;

    const KIND: InterfaceKind = InterfaceKind::Serial4Line;

    fn send_command(&mut self, command: u8, arguments: &[u8]) -> io::Result<()> {
        self.bus.command(command, arguments)
    }

    fn send_pixels<const N: usize>(&mut self, pixels: impl IntoIterator<Item = [u8; N]>) -> io::Result<()> {
        // What an earlier error left is of no use.
        self.chunk.clear();
        for pixel in pixels {
            if self.chunk.len() + N > CHUNK {
                self.flush()?;
            }
            self.chunk.extend_from_slice(&pixel);
        }
        self.flush()
    }

    fn send_repeated_pixel<const N: usize>(&mut self, pixel: [u8; N], count: u32) -> io::Result<()> {
        self.send_pixels((0..count).map(|_| pixel))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    /// What went over a bus.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Sent {
        Command(u8, Vec<u8>),
        Pixels(Vec<u8>),
    }

    /// A bus that keeps what it is sent.
    #[derive(Clone, Default)]
    pub struct Recorder(pub Rc<RefCell<Vec<Sent>>>);

    impl Bus for Recorder {
        fn command(&mut self, command: u8, arguments: &[u8]) -> io::Result<()> {
            self.0.borrow_mut().push(Sent::Command(command, arguments.to_vec()));
            Ok(())
        }

        fn pixels(&mut self, bytes: &[u8]) -> io::Result<()> {
            assert!(bytes.len() <= CHUNK);
            self.0.borrow_mut().push(Sent::Pixels(bytes.to_vec()));
            Ok(())
        }
    }

    pub struct NoDelay;

    impl DelayNs for NoDelay {
        fn delay_ns(&mut self, _: u32) {}
    }

    fn set_up(controller: Controller, options: PanelOptions) -> (Panel<Recorder>, Recorder) {
        let bus = Recorder::default();
        (Panel::new(controller, bus.clone(), &options, &mut NoDelay).unwrap(), bus)
    }

    /// The argument of the command that says in which order pixels come (MADCTL).
    fn order(controller: Controller, options: PanelOptions) -> Vec<u8> {
        let (_, bus) = set_up(controller, options);
        let sent = bus.0.borrow();
        let order = sent.iter().find_map(|sent| match sent {
            Sent::Command(0x36, arguments) => Some(arguments.clone()),
            _ => None,
        });
        order.expect("the order is set")
    }

    #[test]
    fn an_st7789_is_woken_and_inverted() {
        let (_, bus) = set_up(Controller::St7789, PanelOptions::of(Controller::St7789, [240, 240]));
        let command = |command: u8, arguments: &[u8]| Sent::Command(command, arguments.to_vec());
        // Reset, wake, order, invert, 16 bits a pixel, normal mode, on: sections 9.1 of the controller's manual.
        let expected = [
            command(0x01, &[]),
            command(0x11, &[]),
            command(0x36, &[0]),
            command(0x21, &[]),
            command(0x3A, &[0x55]),
            command(0x13, &[]),
            command(0x29, &[]),
        ];
        assert_eq!(*bus.0.borrow(), expected);
    }

    #[test]
    fn only_the_pixels_of_an_area_are_sent() {
        let (mut panel, bus) = set_up(Controller::St7789, PanelOptions::of(Controller::St7789, [240, 240]));
        bus.0.borrow_mut().clear();
        let mut pixels = vec![0; 240 * 240 * 3];
        pixels[(201 * 240 + 10) * 3..][..6].copy_from_slice(&[255, 0, 0, 0, 255, 8]);
        panel.show(&Area { left: 10, top: 200, right: 12, bottom: 202 }, &pixels).unwrap();
        let expected = [
            Sent::Command(0x2A, vec![0, 10, 0, 11]),
            Sent::Command(0x2B, vec![0, 200, 0, 201]),
            Sent::Command(0x2C, vec![]),
            Sent::Pixels(vec![0, 0, 0, 0, 0xF8, 0x00, 0x07, 0xE1]),
        ];
        assert_eq!(*bus.0.borrow(), expected);
    }

    #[test]
    fn a_whole_screen_goes_in_pieces() {
        let (mut panel, bus) = set_up(Controller::Ili9341, PanelOptions::of(Controller::Ili9341, [320, 240]));
        bus.0.borrow_mut().clear();
        panel.show(&Area { left: 0, top: 0, right: 320, bottom: 240 }, &vec![255; 320 * 240 * 3]).unwrap();
        let sent = bus.0.borrow();
        assert_eq!(sent[..2], [Sent::Command(0x2A, vec![0, 0, 1, 0x3F]), Sent::Command(0x2B, vec![0, 0, 0, 0xEF])]);
        let bytes = sent.iter().map(|sent| if let Sent::Pixels(bytes) = sent { bytes.len() } else { 0 }).sum::<usize>();
        assert_eq!(bytes, 320 * 240 * 2);
    }

    #[test]
    fn an_ili9341_turns_as_its_makers_modules_do() {
        // The values that Adafruit's driver for these modules writes for its four rotations: mirrored columns and blue first;
        // then rows and columns exchanged; and so on.
        let found = [0, 90, 180, 270].map(|rotation| {
            let size = if rotation % 180 == 0 { [240, 320] } else { [320, 240] };
            let options = PanelOptions { rotation, ..PanelOptions::of(Controller::Ili9341, size) };
            order(Controller::Ili9341, options)
        });
        assert_eq!(found, [[0x48], [0x28], [0x88], [0xE8]]);
    }

    #[test]
    fn a_size_that_the_controller_has_not_is_refused() {
        let options = PanelOptions { rotation: 0, ..PanelOptions::of(Controller::St7789, [320, 240]) };
        let error = Panel::new(Controller::St7789, Recorder::default(), &options, &mut NoDelay).err().unwrap();
        assert!(error.to_string().contains("240 × 320"), "{error}");
    }
}
