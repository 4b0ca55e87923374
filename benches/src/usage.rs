//! What a process costs, as the kernel counts it.

use std::time::Duration;

use anyhow::Context;

use crate::machine;

/// Processor time that a process has taken so far.
///
/// # Errors
/// When there is no such process.
pub fn processor_time(process: u32) -> anyhow::Result<Duration> {
    let path = format!("/proc/{process}/stat");
    let stat = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let ticks = ticks(&stat).with_context(|| format!("{path} says {stat}"))?;
    Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// Memory of a process that is in no file, in bytes.
///
/// # Errors
/// When there is no such process.
pub fn memory_bytes(process: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{process}/status");
    let memory = machine::field(&path, "RssAnon").with_context(|| format!("cannot read {path}"))?;
    let kibibytes: u64 = memory.trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes * 1_024)
}

/// User and system time of a line of `stat`: fields 14 and 15. The second one is a name that may have anything in it.
fn ticks(stat: &str) -> Option<u64> {
    let (_, from_third) = stat.rsplit_once(')')?;
    let mut fields = from_third.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_behind_any_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 1 2 3 4 500 25 6 7 20 0 1 0 9 10 11";
        assert_eq!(ticks(stat), Some(525));
        assert_eq!(ticks("7 (a) S 1"), None);
    }

    #[test]
    fn this_process_costs_something() {
        let own = std::process::id();
        assert!(memory_bytes(own).is_ok_and(|bytes| bytes > 0));
        assert!(processor_time(own).is_ok());
    }
}
