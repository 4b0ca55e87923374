//! The size of the machine: a figure without it says nothing.

use serde::Serialize;

/// What the figures were measured on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Machine {
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory in GiB; none where the system does not tell.
    pub memory_gib: Option<u64>,
    /// The processor's name; none likewise.
    pub processor: Option<String>,
}

impl Machine {
    /// Looks.
    #[must_use]
    pub fn look() -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: field("/proc/meminfo", "MemTotal").and_then(|text| {
                let kib: u64 = text.split_whitespace().next()?.parse().ok()?;
                Some((kib + (1 << 19)) >> 20)
            }),
            processor: field("/proc/cpuinfo", "model name"),
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} cores", self.cores)?;
        if let Some(memory) = self.memory_gib {
            write!(formatter, ", {memory} GiB of memory")?;
        }
        if let Some(processor) = &self.processor {
            write!(formatter, ", {processor}")?;
        }
        Ok(())
    }
}

/// The first `name: value` of a file of the kernel.
pub(crate) fn field(path: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
