//! Machines made of a few files, for tests: what the real ones' `/proc` and `/sys` hold, cut down.

use std::fs;

use tempfile::TempDir;

use super::Root;

/// A machine's files, which are gone once it is dropped.
pub struct Machine(TempDir);

impl Machine {
    /// The machine with another file.
    pub fn with(self, name: &str, text: &str) -> Machine {
        self.with_bytes(name, text.as_bytes())
    }

    /// The same, for a file that is no text.
    pub fn with_bytes(self, name: &str, bytes: &[u8]) -> Machine {
        let path = self.root().path(name);
        fs::create_dir_all(path.parent().expect("a file's folder")).expect("the folder is made");
        fs::write(path, bytes).expect("the file is written");
        self
    }

    /// Where its files are.
    pub fn root(&self) -> Root {
        Root::at(self.0.path())
    }

    /// The machine with so many cores, each with these lines in `/proc/cpuinfo`.
    fn with_cores(self, count: usize, lines: &str) -> Machine {
        let blocks: String = (0..count).map(|core| format!("processor\t: {core}\n{lines}\n\n")).collect();
        self.with("proc/cpuinfo", &format!("{blocks}Hardware\t: BCM2835\nModel\t\t: a board\n"))
    }

    /// The machine with one policy of cpufreq.
    fn with_clock(self, governor: &str, [min, now, max]: [&str; 3]) -> Machine {
        let file = |name: &str| format!("sys/devices/system/cpu/cpufreq/policy0/{name}");
        self.with(&file("scaling_governor"), governor)
            .with(&file("scaling_min_freq"), min)
            .with(&file("scaling_cur_freq"), now)
            .with(&file("scaling_max_freq"), max)
    }

    fn with_temperature(self, thousandths: &str) -> Machine {
        self.with("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")
            .with("sys/class/thermal/thermal_zone0/temp", thousandths)
    }
}

/// A machine that tells nothing.
pub fn bare() -> Machine {
    Machine(tempfile::tempdir().expect("a folder for the machine"))
}

/// A Raspberry Pi Zero 2 W with zram and swap.
pub fn zero2w() -> Machine {
    bare()
        .with("proc/device-tree/model", "Raspberry Pi Zero 2 W Rev 1.0\0")
        .with_cores(4, "Features\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\nCPU part\t: 0xd03")
        .with_clock("ondemand", ["600000", "1000000", "1000000"])
        .with_temperature("52078\n")
        .with("proc/meminfo", "MemTotal:         426880 kB\nMemAvailable:     261120 kB\nSwapTotal:        204796 kB\n")
        .with(
            "proc/swaps",
            "Filename Type Size Used Priority\n/var/swap file 102396 0 -2\n/dev/zram0 partition 102400 0 100\n",
        )
        .with("proc/self/status", "Name:\tretort\nVmHWM:\t    6144 kB\nVmRSS:\t    5120 kB\n")
}

/// A Raspberry Pi 3 with a 32-bit system.
pub fn pi3_with_32_bits() -> Machine {
    bare()
        .with("proc/device-tree/model", "Raspberry Pi 3 Model B Plus Rev 1.3\0")
        .with_cores(
            4,
            "model name\t: ARMv7 Processor rev 4 (v7l)\nFeatures\t: half thumb neon vfpv4 idiva crc32\n\
             CPU implementer\t: 0x41\nCPU part\t: 0xd03",
        )
        .with_clock("performance", ["600000", "1400000", "1400000"])
        .with_temperature("48312")
        .with("sys/devices/platform/soc/soc:firmware/get_throttled", "0\n")
}

/// A Raspberry Pi 4 whose supply was too weak at some time.
pub fn pi4() -> Machine {
    bare()
        .with("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0")
        .with_cores(4, "Features\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\nCPU part\t: 0xd08")
        .with_clock("ondemand", ["600000", "1500000", "1800000"])
        .with_temperature("61300")
        .with("sys/devices/platform/soc/soc:firmware/get_throttled", "50000\n")
        .with("proc/meminfo", "MemTotal:        3885396 kB\nMemAvailable:    3300000 kB\nSwapTotal:             0 kB\n")
}

/// A Raspberry Pi 5 whose supply is too weak now.
pub fn pi5() -> Machine {
    bare()
        .with("proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0")
        .with_cores(4, "Features\t: fp asimd fphp asimdhp cpuid asimdrdm lrcpc asimddp\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b")
        .with_clock("ondemand", ["1500000", "2400000", "2400000"])
        .with_temperature("48000")
        .with("sys/class/hwmon/hwmon0/name", "pwmfan")
        .with("sys/class/hwmon/hwmon1/name", "rpi_volt")
        .with("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1")
        .with("proc/meminfo", "MemTotal:        8245632 kB\nMemAvailable:    7500000 kB\nSwapTotal:             0 kB\n")
}

/// A PC without cpufreq.
pub fn pc() -> Machine {
    bare()
        .with("sys/class/dmi/id/sys_vendor", "ACME")
        .with("sys/class/dmi/id/product_name", "Laptop 7")
        .with_cores(
            2,
            "model name\t: ACME Core 9000\ncpu MHz\t\t: 2999.998\nflags\t\t: fpu sse4_1 avx fma avx2 avx512_vnni",
        )
        .with("sys/class/thermal/thermal_zone0/type", "acpitz")
        .with("sys/class/thermal/thermal_zone0/temp", "27800")
        .with("sys/class/hwmon/hwmon0/name", "nvme")
        .with("sys/class/hwmon/hwmon0/temp1_input", "39850")
        .with("sys/class/hwmon/hwmon1/name", "k10temp")
        .with("sys/class/hwmon/hwmon1/temp1_input", "44500")
}
