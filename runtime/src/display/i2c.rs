//! I²C under Linux.

use std::io;
use std::path::Path;

use i2cdev::core::I2CDevice;
use i2cdev::linux::LinuxI2CDevice;
use rustix::io::Errno;

/// What writes to the device of that address on the bus.
///
/// # Errors
/// What the system says; where nothing has that address, how to see what has which.
pub fn open(path: &Path, address: u16) -> io::Result<impl FnMut(&[u8]) -> io::Result<()> + use<>> {
    let mut device = LinuxI2CDevice::new(path, address).map_err(io::Error::from)?;
    Ok(move |bytes: &[u8]| {
        device.write(bytes).map_err(|error| {
            let error = io::Error::from(error);
            // What drivers of buses say where nobody acknowledges.
            let absent = [Errno::NXIO, Errno::REMOTEIO].map(|absent| Some(absent.raw_os_error()));
            match error.raw_os_error() {
                code if absent.contains(&code) => {
                    io::Error::other(format!("nothing answers at {address:#x}; `i2cdetect -y 1` shows what does"))
                }
                _ => error,
            }
        })
    })
}
