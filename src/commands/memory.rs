//! `vlm-test memory`: the same questions under several ways to keep memory, compared.

use std::{cell::RefCell, rc::Rc};

use super::{
    catch_interrupts,
    suite_run::{self, console_options, log_to, run_in, with_weights},
    vqa,
};
use crate::{
    cli::{MemoryCommandArgs, Policy},
    error::{CommandError, ExitStatus},
    memory::CleanupSchedule,
    report::Console,
    results::{PolicyReport, PolicyRun, RunDir, RunStatus},
};

/// Carries out the command.
///
/// # Errors
/// [`CommandError`] for what is wrong before a model is loaded, and for results that cannot be
/// written.
pub fn run(args: &MemoryCommandArgs) -> Result<ExitStatus, CommandError> {
    let run = &args.vqa.asked.run;
    if run.memory.cleanup.is_some() {
        return Err(CommandError::usage(
            "--cleanup chooses one policy, this command compares several",
        )
        .hint("name them with --policies"));
    }
    let models = with_weights(run, suite_run::models(run)?)?;
    let dataset = vqa::load_dataset(&args.vqa)?;
    let folder = RunDir::create(run.output.as_deref(), "memory")?;
    log_to(&folder.debug_log_path());
    let console = Rc::new(RefCell::new(Console::new(console_options(run))));
    let interrupt = catch_interrupts()?;
    let mut runs = Vec::with_capacity(args.policies.len());
    for &policy in &args.policies {
        let part = folder.part(policy.name())?;
        let schedule = schedule(policy, args.vqa.asked.cleanup_every);
        let mut prepared = vqa::prepare(&args.vqa.asked, dataset.clone(), |it| Box::new(it))?;
        prepared.cleanup = schedule;
        prepared.introduction = format!("clean-up {}: {}", policy.name(), prepared.introduction);
        let (ended, report) = run_in(&part, run, models.clone(), prepared, &console, interrupt)?;
        let status = ended?;
        let name = policy.name().to_owned();
        runs.push(PolicyRun { policy: schedule, folder: name, status, report });
        if status == RunStatus::Interrupted {
            break;
        }
    }
    let report = PolicyReport::of(&runs);
    folder.write_file("policies.json", report.to_json()?.as_bytes())?;
    console.borrow_mut().finish_policies(&report, folder.path())?;
    Ok(match report.status {
        RunStatus::Interrupted => ExitStatus::Interrupted,
        RunStatus::Failed => ExitStatus::CouldNotTest,
        RunStatus::Completed if report.is_sound() => ExitStatus::Pass,
        RunStatus::Completed => ExitStatus::Failed,
    })
}

fn schedule(policy: Policy, every: usize) -> CleanupSchedule {
    match policy {
        Policy::Off => CleanupSchedule::Off,
        Policy::Periodic => CleanupSchedule::every_questions(every),
        Policy::Each => CleanupSchedule::every_questions(1),
        Policy::Adaptive => CleanupSchedule::Adaptive,
    }
}
