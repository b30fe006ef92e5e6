//! `vlm-test plan`: what models will need of memory before any is loaded.

use crate::{
    backend::{
        manifest::BackendKind,
        registry::{Registry, ResolvedModel},
    },
    cli::PlanArgs,
    error::{CommandError, ExitStatus},
    memory::{Allocator as _, MemoryBudget, MlxAllocator, SystemMemory, budget_bytes},
    native::{
        nn::product::on_cpu,
        plan::{Form, PlannedBytes, PlannedModel, PlannedPrompt, PlannedQuestion},
    },
    report::{
        Problem, console, json,
        plan::{self, ChangeRow, FormRow, ModelPlan, PlanReport, PlannedMachine, QuestionRow},
    },
    vlm::{LoadOptions, Precision},
};

/// Carries out the command.
///
/// # Errors
/// [`CommandError`] when a name means nothing or nothing can be printed.
pub fn run(args: &PlanArgs) -> Result<ExitStatus, CommandError> {
    let registry = Registry::load()?;
    let (models, absent) = chosen(args, &registry)?;
    let question = PlannedQuestion {
        image: args.image_size,
        max_tokens: args.max_tokens,
        ..Default::default()
    };
    let mut report = PlanReport {
        machine: machine(args.memory_budget),
        question: QuestionRow {
            image_width: question.image.0,
            image_height: question.image.1,
            text_tokens: question.text_tokens,
            max_tokens: question.max_tokens,
        },
        models: Vec::with_capacity(models.len()),
        problems: Vec::new(),
    };
    for model in models {
        let planner = Planner { machine: &report.machine, question, options: args.options() };
        match planner.plan(&model) {
            Ok(plan) => report.models.push(plan),
            Err(problem) => report.problems.push(format!("{}: {problem}", model.manifest.name)),
        }
    }
    let text = if args.json {
        json::pretty(&report)?
    } else {
        plan::render(&report, console::stdout_columns())
    };
    console::print(&text)?;
    for problem in &report.problems {
        console::print_problem(&Problem::new(problem.clone()));
    }
    if !absent.is_empty() {
        let names = absent.join(", ");
        console::print_remark(&format!(
            "not on this machine and not planned: {names}; `vlm-test models pull NAME` gets one\n"
        ));
    }
    let none = report.models.is_empty();
    Ok(if none { ExitStatus::CouldNotTest } else { ExitStatus::Pass })
}

/// The models asked for; else all that compute here and lie on this machine, and the names of
/// those that do not.
fn chosen(
    args: &PlanArgs,
    registry: &Registry,
) -> Result<(Vec<ResolvedModel>, Vec<String>), CommandError> {
    if args.models.is_empty() {
        let native = |model: &ResolvedModel| model.manifest.backend == BackendKind::Native;
        let (here, absent): (Vec<_>, Vec<_>) =
            registry.models().filter(native).partition(|model| model.ready().is_ok());
        let absent = absent.into_iter().map(|model| model.manifest.name).collect();
        return Ok((here, absent));
    }
    let named = args.models.iter().map(|name| registry.resolve(name));
    Ok((named.collect::<Result<_, _>>()?, Vec::new()))
}

/// This machine, where `asked` of its memory may be used.
pub fn machine(asked: Option<MemoryBudget>) -> PlannedMachine {
    let device = MlxAllocator::new().map(|mlx| mlx.device()).unwrap_or_default();
    let system = SystemMemory::now();
    PlannedMachine {
        device: if on_cpu() { "cpu" } else { "gpu" }.to_owned(),
        total_bytes: system.map(|system| system.total_bytes),
        budget_bytes: budget_bytes(asked, device, system, 0),
        largest_array_bytes: device.largest_buffer_bytes,
    }
}

struct Planner<'a> {
    machine: &'a PlannedMachine,
    question: PlannedQuestion,
    options: LoadOptions,
}

impl Planner<'_> {
    /// What `model` needs; a sentence where that cannot be said.
    fn plan(&self, model: &ResolvedModel) -> Result<ModelPlan, String> {
        if model.manifest.backend == BackendKind::Scripted {
            return Err("has no weights to plan".to_owned());
        }
        let folder = model.ready().map_err(|error| error.to_string())?;
        let open = |options: &LoadOptions| {
            PlannedModel::open(&folder, options, on_cpu()).map_err(|error| error.to_string())
        };
        let planned = open(&self.options)?;
        if let (true, Some(precision)) = (planned.is_packed(), self.options.dtype) {
            return Err(format!(
                "its weights are quantised and cannot be converted to {precision}: leave out --dtype"
            ));
        }
        let prompt = planned.prompt(&self.question).map_err(|error| error.to_string())?;
        let forms = self.forms(&planned, &prompt);
        let fits = forms.iter().any(|form| form.chosen && form.fits);
        let fewer_tiles = match (&*model.model_type().unwrap_or_default(), self.options.num_crops) {
            ("phi3_v", None) => Some(open(&LoadOptions { num_crops: Some(1), ..self.options })?),
            _ => None,
        };
        let changes = if fits { Vec::new() } else { self.changes(&planned, fewer_tiles.as_ref())? };
        let PlannedPrompt { frames, vision_tokens, prompt_tokens } = prompt;
        let model = model.manifest.name.clone();
        Ok(ModelPlan { model, frames, vision_tokens, prompt_tokens, forms, changes })
    }

    fn fits(&self, bytes: &PlannedBytes) -> bool {
        let limit = self.machine.largest_array_bytes.unwrap_or(u64::MAX);
        bytes.peak_bytes <= self.machine.budget_bytes && bytes.largest_array_bytes <= limit
    }

    fn forms(&self, model: &PlannedModel, prompt: &PlannedPrompt) -> Vec<FormRow> {
        let half = match self.options.dtype {
            Some(Precision::Bfloat16) => "bfloat16",
            _ => "float16",
        };
        let forms = [
            ("as stored", Form::Stored),
            ("float32", Form::Floats(4)),
            (half, Form::Floats(2)),
            ("8-bit", Form::Bits(8)),
            ("4-bit", Form::Bits(4)),
        ];
        let chosen = self.chosen_form();
        let row = |(name, form): (&str, Form)| {
            let bytes = model.bytes(prompt, self.question.max_tokens, form);
            FormRow {
                form: name.to_owned(),
                chosen: form == chosen,
                weight_bytes: bytes.weight_bytes,
                kv_bytes: bytes.kv_bytes,
                activation_bytes: bytes.activation_bytes,
                peak_bytes: bytes.peak_bytes,
                largest_array_bytes: bytes.largest_array_bytes,
                fits: self.fits(&bytes),
            }
        };
        forms.map(row).to_vec()
    }

    fn chosen_form(&self) -> Form {
        match self.options.dtype {
            None => Form::Stored,
            Some(Precision::Float32) => Form::Floats(4),
            Some(Precision::Float16 | Precision::Bfloat16) => Form::Floats(2),
        }
    }

    /// Changes until it fits, those that change answers least first: half precision, fewer tiles,
    /// smaller images, then conversions to fewer bits.
    fn changes(
        &self,
        model: &PlannedModel,
        fewer_tiles: Option<&PlannedModel>,
    ) -> Result<Vec<ChangeRow>, String> {
        let mut changes = Changes { planner: self, rows: Vec::new() };
        let (mut form, mut model, mut question) = (self.chosen_form(), model, self.question);
        let wide = match form {
            Form::Stored => !model.is_packed() && model.stored_number_bytes() > 2,
            Form::Floats(bytes) => bytes > 2,
            Form::Bits(_) => false,
        };
        if wide {
            form = Form::Floats(2);
            changes.add("load it with --dtype float16", model, &question, form)?;
        }
        if let Some(fewer) = fewer_tiles {
            model = fewer;
            changes.add(
                "cut images into fewer tiles with --num-crops 1",
                model,
                &question,
                form,
            )?;
        }
        for _ in 0..2 {
            let image = (question.image.0.div_ceil(2), question.image.1.div_ceil(2));
            let smaller = PlannedQuestion { image, ..question };
            let tokens = |question| {
                model
                    .prompt(question)
                    .map(|prompt| prompt.vision_tokens)
                    .map_err(|it| it.to_string())
            };
            if tokens(&smaller)? < tokens(&question)? {
                question = smaller;
                let change = format!("show images of at most {} × {} pixels", image.0, image.1);
                changes.add(&change, model, &question, form)?;
            }
        }
        if !model.is_packed() {
            for bits in [8, 4] {
                let change = format!("use a conversion to {bits} bits");
                changes.add(&change, model, &question, Form::Bits(bits))?;
            }
        }
        Ok(changes.rows)
    }
}

/// Changes up to the first that suffices.
struct Changes<'a> {
    planner: &'a Planner<'a>,
    rows: Vec<ChangeRow>,
}

impl Changes<'_> {
    fn add(
        &mut self,
        change: &str,
        model: &PlannedModel,
        question: &PlannedQuestion,
        form: Form,
    ) -> Result<(), String> {
        if self.rows.last().is_some_and(|row| row.fits) {
            return Ok(());
        }
        let prompt = model.prompt(question).map_err(|error| error.to_string())?;
        let bytes = model.bytes(&prompt, question.max_tokens, form);
        let fits = self.planner.fits(&bytes);
        let (change, peak_bytes) = (change.to_owned(), bytes.peak_bytes);
        self.rows.push(ChangeRow { change, peak_bytes, fits });
        Ok(())
    }
}
