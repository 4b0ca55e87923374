//! What a seat costs in memory: the engine's own count, by its allocator, in a process of its own.

use anyhow::Context;

use crate::peers::earlybird::program;
use crate::process::output;
use crate::row::{Figure, Goal, Row};
use crate::world::World;

/// The size of house that is reported, of those that the engine counts.
const SEATS: &str = "50000";

pub(super) async fn run(_: &World) -> anyhow::Result<Vec<Row>> {
    let said = tokio::task::spawn_blocking(|| {
        let example = program("earlybird-engine", "--example", "memory")?;
        output(&example.to_string_lossy(), std::iter::empty::<&str>())
    })
    .await??;
    let (free, held) = parse(&said).with_context(|| format!("the engine's count said:\n{said}"))?;
    let row = |what: &str, bytes, most| {
        let what = format!("memory of a {what} seat, all structures counted");
        Row::new(what, Figure::bytes(bytes), Goal::AtMost(most))
    };
    Ok(vec![row("free", free, 64.0), row("held", held, 400.0)])
}

/// Reads the line `seats free held …`.
fn parse(table: &str) -> Option<(f64, f64)> {
    let mut words = table
        .lines()
        .map(str::split_whitespace)
        .find_map(|mut words| (words.next() == Some(SEATS)).then_some(words))?;
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read() {
        let table =
            "    seats     free, B/seat\n    10000   40.0   300.0   1.0\n    50000   41.5   312.0   1.0\n";
        assert_eq!(parse(table), Some((41.5, 312.0)));
        assert_eq!(parse("nothing"), None);
    }
}
