//! What `vlm-test models` shows.

use serde::Serialize;

use super::{
    layout::{Align, Column, Grid},
    text::{escape, truncate, width},
    units::bytes,
};

/// More of a revision says nothing in a table.
const REVISION: usize = 10;
const PLACE: &str = "weights";
const GAP: usize = 2;

/// One known model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelRow {
    /// Its name on the command line.
    pub name: String,
    /// Other names for it.
    pub aliases: Vec<String>,
    /// Its family, e.g. `smolvlm`.
    pub family: String,
    /// The repository that its weights come from.
    pub repository: Option<String>,
    /// The revision that its manifest asks for; `main` if none.
    pub revision: Option<String>,
    /// The commit that lies here, where that is known.
    pub commit: Option<String>,
    /// Size of all its files here in bytes.
    pub size_on_disk: Option<u64>,
    /// Size of the weights in bytes, where known.
    pub weight_bytes: Option<u64>,
    /// Estimate of the memory that it needs in bytes.
    pub memory_bytes: Option<u64>,
    /// Whether this machine has as much.
    pub fits: Option<bool>,
    /// Whether it can run here.
    pub runnable: bool,
    /// Why not, in a word or two, or `ready`.
    pub status: String,
    /// What is wrong with what lies here, where a word does not do.
    pub problem: Option<String>,
    /// Where the weights are, or come from.
    pub place: String,
}

/// The models as a table in at most `columns` columns and, below it, a line for each that
/// has a problem; with a final newline.
pub fn render(rows: &[ModelRow], columns: usize) -> String {
    let column = |heading, align, rank| Column { heading, align, rank };
    let mut grid = Grid::new(&[
        column("model", Align::Left, 0),
        column("family", Align::Left, 1),
        column("revision", Align::Left, 2),
        column("disk", Align::Right, 3),
        column("memory", Align::Right, 4),
        column("fits", Align::Left, 5),
        column("status", Align::Left, 6),
    ]);
    for row in rows {
        let amount = |count: Option<u64>| count.map_or_else(|| "?".to_owned(), bytes);
        let [name, family, status] = [&row.name, &row.family, &row.status].map(|text| escape(text));
        let on_disk = row.size_on_disk.map_or_else(|| "-".to_owned(), bytes);
        let fits = match row.fits {
            Some(true) => "yes",
            Some(false) => "no",
            None => "?",
        };
        let memory = amount(row.memory_bytes);
        grid.row([name, family, revision(row), on_disk, memory, fits.to_owned(), status]);
    }
    let places: Vec<String> = rows.iter().map(|row| escape(&row.place)).collect();
    let table = grid.lines(columns);
    let start = table.iter().map(|line| width(line)).max().unwrap_or(0) + GAP;
    let longest = places.iter().map(|place| width(place)).max().unwrap_or(0).max(PLACE.len());
    let mut lines = if start + longest <= columns {
        beside(&table, start, &places)
    } else {
        below(table, rows, &places)
    };
    let problems: Vec<String> = rows.iter().filter_map(problem).collect();
    if !problems.is_empty() {
        lines.push(String::new());
        lines.extend(problems);
    }
    lines.join("\n") + "\n"
}

/// The commit that is here as Git shortens it, else the revision that would be fetched.
fn revision(row: &ModelRow) -> String {
    match (&row.commit, &row.revision, &row.repository) {
        (Some(commit), ..) => escape(&commit.chars().take(7).collect::<String>()),
        (None, Some(revision), _) => truncate(&escape(revision), REVISION),
        (None, None, Some(_)) => "main".to_owned(),
        (None, None, None) => "-".to_owned(),
    }
}

fn beside(table: &[String], start: usize, places: &[String]) -> Vec<String> {
    let places = std::iter::once(PLACE).chain(places.iter().map(String::as_str));
    let placed = table.iter().zip(places).map(|(line, place)| {
        let blanks = " ".repeat(start.saturating_sub(width(line)));
        format!("{line}{blanks}{place}").trim_end().to_owned()
    });
    placed.collect()
}

/// Paths may be longer than any terminal is wide, and are for copying: they are never cut.
fn below(mut table: Vec<String>, rows: &[ModelRow], places: &[String]) -> Vec<String> {
    table.extend([String::new(), PLACE.to_owned()]);
    let names: Vec<String> = rows.iter().map(|row| escape(&row.name)).collect();
    let widest = names.iter().map(|name| width(name)).max().unwrap_or(0);
    let placed = names.iter().zip(places).filter(|(_, place)| !place.is_empty());
    table.extend(placed.map(|(name, place)| {
        let blanks = " ".repeat(GAP + widest - width(name));
        format!("{:GAP$}{name}{blanks}{place}", "")
    }));
    table
}

/// An error is for reading and copying: it is never cut.
fn problem(row: &ModelRow) -> Option<String> {
    row.problem.as_ref().map(|problem| escape(&format!("{}: {problem}", row.name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> ModelRow {
        ModelRow {
            name: "smolvlm_tiny".to_owned(),
            aliases: Vec::new(),
            family: "smolvlm".to_owned(),
            repository: Some("org/tiny".to_owned()),
            revision: None,
            commit: Some("0123456789abcdef".to_owned()),
            size_on_disk: Some(4_300_000),
            weight_bytes: Some(4_200_000),
            memory_bytes: Some(5_100_000),
            fits: Some(true),
            runnable: true,
            status: "ready".to_owned(),
            problem: None,
            place: "models/smolvlm_tiny".to_owned(),
        }
    }

    #[test]
    fn columns_go_as_the_terminal_gets_narrower_and_the_place_moves_below() {
        let wide = "model         family   revision    disk  memory  fits  status  weights\n\
                    smolvlm_tiny  smolvlm  0123456   4.3 MB  5.1 MB  yes   ready   models/smolvlm_tiny\n";
        assert_eq!(render(&[tiny()], 85), wide);
        let narrow = "model         revision    disk  memory  fits  status\n\
                      smolvlm_tiny  0123456   4.3 MB  5.1 MB  yes   ready\n\n\
                      weights\n  smolvlm_tiny  models/smolvlm_tiny\n";
        assert_eq!(render(&[tiny()], 55), narrow);
        let least = "model         fits  status\nsmolvlm_tiny  yes   ready\n";
        assert!(render(&[tiny()], 30).starts_with(least));
    }

    #[test]
    fn what_is_not_here_shows_what_would_be_fetched_and_no_guess() {
        let missing = ModelRow {
            revision: Some("a-branch-with-a-long-name".to_owned()),
            commit: None,
            size_on_disk: None,
            memory_bytes: None,
            fits: None,
            status: "not downloaded".to_owned(),
            place: "org/tiny".to_owned(),
            ..tiny()
        };
        let text = render(&[missing], 100);
        let expected =
            "smolvlm_tiny  smolvlm  a-branch-…     -       ?  ?     not downloaded  org/tiny";
        assert_eq!(text.lines().last(), Some(expected));
    }

    #[test]
    fn a_long_path_and_a_long_error_stand_whole_below_the_table() {
        let broken = ModelRow {
            name: "broken".to_owned(),
            status: "unusable".to_owned(),
            problem: Some("its folder ".to_owned() + &"is not a checkpoint ".repeat(9)),
            place: "/somewhere".repeat(20),
            ..tiny()
        };
        let text = render(&[tiny(), broken.clone()], 70);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "model         family   revision    disk  memory  fits  status");
        assert_eq!(lines[3..5], ["", "weights"]);
        assert_eq!(lines[6], format!("  broken        {}", broken.place));
        assert!(lines[8].starts_with("broken: its folder is not") && lines.len() == 9, "{text}");
    }
}
