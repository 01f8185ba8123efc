//! The processor and what holds it back.

use retort_core::kernels::KernelSet;

use super::check::Check;
use crate::board::clock::Clock;
use crate::board::throttle::{Ask, Conditions, Throttling};
use crate::board::{Root, cpu::Cpu, model, thermal};

/// From here on the firmware of a Raspberry Pi lowers the clock (its documentation: 80 to 85 °C).
const HOT: f32 = 80.0;
/// From here on a warm day is enough to get there.
const WARM: f32 = 70.0;

/// Checks the machine, for a program of so many bits.
pub fn checks(root: &Root, bits: u32) -> Vec<Check> {
    let cpu = Cpu::read(root);
    let board = model::model(root).unwrap_or_else(|| "unknown".into());
    let mut checks = vec![Check::ok("board", board), processor(&cpu), kernels(&cpu, bits, KernelSet::best())];
    checks.push(governor(&Clock::read(root)));
    checks.push(throttled(Throttling::read(root, Ask::FilesAndPrograms)));
    checks.push(temperature(thermal::temperature(root)));
    checks.push(load(root, cpu.count()));
    checks
}

fn processor(cpu: &Cpu) -> Check {
    Check::ok("processor", cpu.to_string())
}

/// Whether the kernels are the best that the processor could run in another program.
fn kernels(cpu: &Cpu, bits: u32, best: KernelSet) -> Check {
    if bits < 64 && cpu.is_arm64() {
        return Check::warning(
            "kernels",
            format!("{best}: this is a {bits}-bit program on a 64-bit processor"),
            "vector kernels for ARM are 64-bit code, and take a fourth of the instructions: use a 64-bit system and program",
        );
    }
    match best {
        KernelSet::Portable => {
            let advice = "networks run, but without vector instructions; x86 needs AVX2, ARM a 64-bit system";
            Check::warning("kernels", "portable", advice)
        }
        _ => Check::ok("kernels", best.name()),
    }
}

fn governor(clock: &Clock) -> Check {
    let is_known = clock.current_mhz.or(clock.max_mhz).is_some();
    let seen = |governor: &str| if is_known { format!("{governor}, {clock}") } else { governor.to_string() };
    match clock.governor.as_deref() {
        None => Check::ok("governor", seen("none that Linux controls")),
        Some("performance") => Check::ok("governor", seen("performance")),
        Some("powersave") => Check::problem("governor", seen("powersave"), faster("the clock stays at its lowest")),
        Some(other) => {
            let why = "the clock rises only after the load did, which makes the first frames slow";
            Check::warning("governor", seen(other), faster(why))
        }
    }
}

fn faster(why: &str) -> String {
    format!("{why}:\necho performance | sudo tee /sys/devices/system/cpu/cpufreq/policy*/scaling_governor")
}

fn throttled(throttling: Option<Throttling>) -> Check {
    let Some(Throttling { now, since_boot }) = throttling else {
        return Check::ok("throttling", "this machine does not tell");
    };
    let was = since_boot.unwrap_or_default();
    if !now.is_fine() {
        return Check::problem("throttling", format!("now: {now}"), remedy(now));
    }
    if !was.is_fine() {
        return Check::warning("throttling", format!("now fine; since boot: {was}"), remedy(was));
    }
    Check::ok("throttling", if since_boot.is_some() { "never throttled since boot" } else { "no under-voltage now" })
}

fn remedy(conditions: Conditions) -> String {
    let mut advice = Vec::new();
    if conditions.under_voltage {
        advice.push("use a supply made for this board (a Pi 5 wants 5 V 5 A, a Pi 4 3 A, others 2.5 A) and a short, thick cable");
    }
    if conditions.soft_temperature_limit || (conditions.throttled && !conditions.under_voltage) {
        advice.push("cool it: a heat sink, a fan, or more air around it");
    }
    if advice.is_empty() {
        advice.push("the firmware capped the clock: supply or temperature was at its limit");
    }
    advice.join("\n")
}

fn temperature(celsius: Option<f32>) -> Check {
    const ADVICE: &str = "a heat sink or a fan; `retort bench MODEL --sustain 10` shows what a steady load does to it";
    let seen = |celsius: f32| format!("{celsius:.1} °C");
    match celsius {
        None => Check::ok("temperature", "unknown"),
        Some(hot) if hot >= HOT => Check::problem("temperature", seen(hot), format!("boards slow down here: {ADVICE}")),
        Some(warm) if warm >= WARM => {
            Check::warning("temperature", seen(warm), format!("boards slow down from {HOT} °C on: {ADVICE}"))
        }
        Some(cool) => Check::ok("temperature", seen(cool)),
    }
}

/// What else runs: the mean number of threads that wanted a core in the last minute.
fn load(root: &Root, cores: usize) -> Check {
    let text = root.text("proc/loadavg").unwrap_or_default();
    let Some(load) = text.split_whitespace().next().and_then(|word| word.parse::<f32>().ok()) else {
        return Check::ok("load", "unknown");
    };
    let seen = format!("{load:.1} on {cores} core(s) in the last minute");
    if cores > 0 && load > 0.5 * cores as f32 {
        return Check::warning("load", seen, "other programs take the cores; see `top`. Measure when they are done");
    }
    Check::ok("load", seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::fixtures;
    use crate::cli::doctor::check::Status;

    fn statuses(machine: &fixtures::Machine, bits: u32) -> Vec<(&'static str, Status)> {
        let all = checks(&machine.root(), bits).into_iter();
        // What this processor has is another test's.
        all.filter(|check| check.name != "kernels").map(|check| (check.name, check.status)).collect()
    }

    fn not_ok(machine: &fixtures::Machine) -> Vec<(&'static str, Status)> {
        statuses(machine, 64).into_iter().filter(|(_, status)| *status != Status::Ok).collect()
    }

    #[test]
    fn boards_in_need_of_care() {
        assert_eq!(not_ok(&fixtures::zero2w()), [("governor", Status::Warning)]);
        assert_eq!(not_ok(&fixtures::pi3_with_32_bits()), []);
        // Its word tells of under-voltage since boot, the Pi 5's alarm of under-voltage now.
        assert_eq!(not_ok(&fixtures::pi4()), [("governor", Status::Warning), ("throttling", Status::Warning)]);
        assert_eq!(not_ok(&fixtures::pi5()), [("governor", Status::Warning), ("throttling", Status::Problem)]);
    }

    #[test]
    fn a_machine_that_tells_nothing_has_no_problem() {
        assert_eq!(not_ok(&fixtures::bare()), []);
        assert_eq!(not_ok(&fixtures::pc()), []);
    }

    #[test]
    fn a_32_bit_program_on_a_64_bit_processor_is_told_so() {
        let cpu = Cpu::read(&fixtures::pi3_with_32_bits().root());
        assert!(kernels(&cpu, 32, KernelSet::Portable).seen.contains("32-bit program on a 64-bit processor"));
        assert_eq!(kernels(&cpu, 64, KernelSet::Avx2).status, Status::Ok);
        assert_eq!(kernels(&Cpu::default(), 32, KernelSet::Portable).status, Status::Warning);
    }

    #[test]
    fn heat_and_load_are_told_with_a_remedy() {
        assert_eq!(temperature(Some(69.9)).status, Status::Ok);
        assert_eq!(temperature(Some(75.0)).status, Status::Warning);
        assert_eq!(temperature(Some(82.0)).status, Status::Problem);
        let machine = fixtures::pi4().with("proc/loadavg", "3.10 1.0 0.5 1/100 999");
        assert!(not_ok(&machine).contains(&("load", Status::Warning)));
    }

    #[test]
    fn remedies_fit_what_is_wrong() {
        let remedy = |word| remedy(Throttling::of_word(word).now);
        assert!(remedy(1).contains("supply") && !remedy(1).contains("cool"));
        assert!(remedy(4).contains("cool") && !remedy(4).contains("cable"));
        assert!(remedy(5).contains("cable") && !remedy(5).contains("cool"));
        assert!(remedy(9).lines().count() == 2);
    }
}
