//! I²C under Linux.

use std::io;
use std::path::Path;

use i2cdev::core::I2CDevice;
use i2cdev::linux::LinuxI2CDevice;

/// What writes to the device of that address on the bus.
///
/// # Errors
/// What the system says.
pub fn open(path: &Path, address: u16) -> io::Result<impl FnMut(&[u8]) -> io::Result<()> + use<>> {
    let mut device = LinuxI2CDevice::new(path, address).map_err(io::Error::from)?;
    Ok(move |bytes: &[u8]| device.write(bytes).map_err(io::Error::from))
}
