//! `watch`: the nodes on the terminal, live.

use std::time::Duration;

use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style, Stylize as _};
use ratatui::widgets::{Cell, Paragraph, Row as Line, Table};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::look::cluster;
use crate::connect::Node;
use crate::failure::Failure;
use crate::output::Row as _;
use crate::rows::{NodeRow, Status};

/// How often the thread that reads keys looks whether it is still wanted.
const KEY_POLL: Duration = Duration::from_millis(250);

/// Least width of a number.
const NUMBER_CELLS: usize = 8;
/// Cells of a full bar.
const BAR_CELLS: usize = 20;

/// Looks again and again, until a key ends it.
pub(crate) async fn watch(on: &Node, interval: Duration) -> Result<(), Failure> {
    // The first look tells what is wrong in the ordinary way, before the screen is taken.
    let mut status = cluster(on).await?;
    let mut trouble = None;
    let mut terminal = ratatui::try_init().map_err(Failure::failed)?;
    let mut quits = quits();
    let mut ticks = tokio::time::interval(interval.max(Duration::from_millis(100)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let outcome = loop {
        if let Err(error) = terminal.draw(|frame| draw(frame, &status, trouble.as_ref())) {
            break Err(Failure::failed(error));
        }
        tokio::select! {
            _ = quits.recv() => break Ok(()),
            _ = ticks.tick() => {}
        }
        // A key ends it also while a node is slow to answer.
        tokio::select! {
            _ = quits.recv() => break Ok(()),
            looked = cluster(on) => match looked {
                Ok(looked) => (status, trouble) = (looked, None),
                Err(failure) => trouble = Some(failure),
            }
        }
    };
    ratatui::restore();
    outcome
}

/// Hears of the key that ends it. Reading keys blocks, so a thread does it, which ends with the receiver.
fn quits() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        while !sender.is_closed() {
            match event::poll(KEY_POLL)
                .and_then(|ready| if ready { event::read().map(Some) } else { Ok(None) })
            {
                Ok(Some(Event::Key(key))) if ends(key) => break,
                Ok(_) => {}
                Err(_) => break,
            }
        }
    });
    receiver
}

fn ends(key: KeyEvent) -> bool {
    let interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    interrupt || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)
}

fn draw(frame: &mut Frame<'_>, status: &Status, trouble: Option<&Failure>) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(2), Constraint::Min(0), Constraint::Length(1)])
            .areas(frame.area());
    let rate: f64 = status.nodes.iter().map(|node| node.commands_per_s).sum();
    frame.render_widget(Paragraph::new(format!("{}, {rate:.0} commands/s", status.headline())).bold(), head);

    let most = status.nodes.iter().map(|node| node.load).fold(1.0, f64::max);
    // The address is long and does not change: a bar of the load has its place.
    let columns = NodeRow::HEADER.len() - 1;
    let header = Line::new(NodeRow::HEADER[..columns].iter().map(|name| name.trim_start()).chain([""]));
    let lines = status.nodes.iter().map(|node| {
        let cells = node.cells().into_iter().take(columns);
        let style = if node.suspected { Style::new().add_modifier(Modifier::DIM) } else { Style::new() };
        Line::new(cells.chain([bar(node.load / most)]).map(Cell::from)).style(style)
    });
    frame.render_widget(Table::new(lines, widths()).header(header.dim()), body);

    let foot_line = match trouble {
        Some(failure) => Paragraph::new(failure.to_string()).red(),
        None => Paragraph::new("q: quit").dim(),
    };
    frame.render_widget(foot_line, foot);
}

fn widths() -> Vec<Constraint> {
    let numbers = &NodeRow::HEADER[2..NodeRow::HEADER.len() - 1];
    let of_number = |name: &&str| Constraint::Length(name.trim_start().len().max(NUMBER_CELLS) as u16);
    let mut widths = vec![Constraint::Min(12), Constraint::Length(16)];
    widths.extend(numbers.iter().map(of_number));
    widths.push(Constraint::Length(BAR_CELLS as u16));
    widths
}

/// A bar of a share from 0 to 1.
fn bar(share: f64) -> String {
    "█".repeat((share * BAR_CELLS as f64).round() as usize)
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::rows::sample_view;

    fn screen(status: &Status, trouble: Option<&Failure>) -> String {
        let mut terminal = Terminal::new(TestBackend::new(140, 8)).expect("a screen");
        terminal.draw(|frame| draw(frame, status, trouble)).expect("it draws");
        terminal.backend().to_string()
    }

    #[test]
    fn the_screen_shows_nodes_and_trouble() {
        let status = Status::from(sample_view());
        let calm = screen(&status, None);
        for part in
            ["view 41, coordinated by earlybird-0, 9999 commands/s", "draining, silent", "-1.2 s", "q: quit"]
        {
            assert!(calm.contains(part), "{part}: {calm}");
        }
        assert!(calm.contains(&"█".repeat(BAR_CELLS)), "{calm}");
        let troubled = screen(&status, Some(&Failure::failed("the node is gone")));
        assert!(troubled.contains("the node is gone") && !troubled.contains("q: quit"), "{troubled}");
    }

    #[test]
    fn these_keys_end_it() {
        let key = |code, modifiers| ends(KeyEvent::new(code, modifiers));
        assert!(key(KeyCode::Char('q'), KeyModifiers::NONE) && key(KeyCode::Esc, KeyModifiers::NONE));
        assert!(
            key(KeyCode::Char('c'), KeyModifiers::CONTROL) && !key(KeyCode::Char('c'), KeyModifiers::NONE)
        );
    }
}
