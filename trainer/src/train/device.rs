//! Where networks are trained: on the processor, or on a GPU where the program was built for one.

use burn::tensor::Device;

/// A place to compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Place {
    /// The processor, on burn's Flex backend and the kernels of `retort-train-ops`.
    #[default]
    Cpu,
    /// A GPU, through wgpu, on burn's own operators.
    Wgpu,
}

/// There is no such place here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The program was built without it.
    #[error("this retort-train has no GPU in it; build it with --features wgpu, or use --device cpu")]
    NotBuilt,
    /// No adapter answers.
    #[error("no GPU answers; install its Vulkan driver, or use --device cpu")]
    NoAdapter,
}

impl Place {
    /// The device there.
    ///
    /// # Errors
    /// A [`DeviceError`] with what to do about it.
    pub fn device(self) -> Result<Device, DeviceError> {
        match self {
            Place::Cpu => Ok(Device::flex()),
            Place::Wgpu => gpu(),
        }
    }
}

#[cfg(not(feature = "wgpu"))]
fn gpu() -> Result<Device, DeviceError> {
    Err(DeviceError::NotBuilt)
}

/// wgpu panics where there is no adapter, when the first tensor is made; so one is made here.
#[cfg(feature = "wgpu")]
fn gpu() -> Result<Device, DeviceError> {
    use burn::tensor::{DeviceKind, Tensor};
    let probe = || {
        let device = Device::wgpu(DeviceKind::DefaultDevice);
        let one: f32 = Tensor::<1>::ones([1], &device).into_scalar();
        (one == 1.0).then_some(device)
    };
    std::panic::catch_unwind(probe).ok().flatten().ok_or(DeviceError::NoAdapter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_always_there() {
        assert!(Place::Cpu.device().is_ok());
        #[cfg(not(feature = "wgpu"))]
        assert!(Place::Wgpu.device().expect_err("not built").to_string().contains("--features wgpu"));
    }
}
