//! `vlm-test` asks vision-language models questions about images and judges the answers.
//!
//! One question, from dataset to report:
//!
//! ```text
//! dataset ─► questions ─suites─► chat
//!    runner ── Ask (JSON line, image as path) ──► worker: clean up if due, reset peak,
//!                                                         generate, synchronise, read counters
//!    runner ◄── Reply (generation, memory) ─┘     (deadline → kill group; end of output → crashed)
//!      │ suites::judge → outcome                  a score can exist only beside an answer
//!      ▼
//!    event ─► events.jsonl (append, sync) ─► report ─► console | results.json
//! ```
//!
//! Each stage takes values and returns values; the single exchange is Ask → Reply. MLX lives
//! in the worker process alone. A test holds this map against the tree, and the imports
//! against a table of who may know whom (`tests/architecture`).
//!
//! From the command line to an exit status:
//! - `main.rs`, `cli.rs`, `cli/memory_args.rs`, `cli/plan_args.rs`, `cli/question_args.rs`, `cli/soak.rs`, `error.rs` — arguments, exit statuses, what a user is told
//! - `commands/mod.rs`, `commands/vqa.rs`, `commands/context.rs`, `commands/context/recall.rs`, `commands/describe.rs`, `commands/soak.rs`, `commands/memory.rs`, `commands/ask.rs`, `commands/models.rs`, `commands/plan.rs`, `commands/pull.rs` — one file a subcommand
//! - `commands/suite_run.rs`, `commands/find_dataset.rs`, `commands/fetch.rs` — what they have in common
//! - `embedded.rs`, `sha256.rs` — the shipped model and dataset as part of the program; digests
//!
//! What is asked and how it is judged:
//! - `vlm.rs`, `vlm/observer.rs` — the contract: a chat goes in, a generation comes out, somebody looks on
//! - `dataset/mod.rs`, `dataset/error.rs`, `dataset/locate.rs`, `dataset/source.rs` — datasets by name or folder
//! - `dataset/vqa_v2.rs`, `dataset/json_stream.rs`, `dataset/sampling.rs`, `dataset/coco_images.rs` — VQA v2 files as published, streamed
//! - `dataset/image_folder.rs` — the images of a plain folder
//! - `dataset/synthetic/mod.rs`, `dataset/synthetic/scene.rs`, `dataset/synthetic/dice.rs` — seeded scenes and their facts
//! - `dataset/synthetic/draw.rs`, `dataset/synthetic/glyphs.rs` — scenes as pixels
//! - `dataset/synthetic/question.rs`, `dataset/synthetic/wording.rs`, `dataset/synthetic/describe.rs`, `dataset/synthetic/vqa_files.rs` — scenes as questions, sentences, files
//! - `dataset/scenario/mod.rs`, `dataset/scenario/scenes.rs`, `dataset/scenario/facts.rs`, `dataset/scenario/claims.rs`, `dataset/scenario/distractors.rs`, `dataset/scenario/photos.rs`, `dataset/scenario/recall.rs` — what the context test asks
//! - `scoring/mod.rs`, `scoring/extract.rs`, `scoring/normalize.rs`, `scoring/contractions.rs`, `scoring/vqa_accuracy.rs` — the published metric and its relatives
//! - `scoring/statistics.rs`, `scoring/resampling.rs` — what a set of scores supports
//! - `scoring/context/mod.rs`, `scoring/context/condition.rs` — what a conversation leaves of an image: histories, probes
//! - `scoring/context/parse.rs`, `scoring/context/words.rs` — which option a reply means
//! - `scoring/context/figures.rs`, `scoring/context/measure.rs`, `scoring/context/compare.rs`, `scoring/context/validity.rs` — the figures, and whether they mean anything
//! - `scoring/context/recall.rs`, `scoring/context/vocabulary.rs` — what can be said of recall without a key
//! - `scoring/description.rs`, `scoring/description/echo.rs`, `scoring/description/identical.rs`, `scoring/description/recall.rs`, `scoring/description/repetition.rs`, `scoring/description/words.rs` — what a description shows without a judge
//! - `suites/mod.rs`, `suites/vqa.rs`, `suites/describe.rs`, `suites/describe/facts.rs`, `suites/soak.rs` — how a dataset is put to a model
//! - `suites/context/mod.rs`, `suites/context/steps.rs`, `suites/context/history.rs`, `suites/context/recall.rs` — facts under different histories, photos from memory
//!
//! Who answers:
//! - `backend/mod.rs`, `backend/manifest.rs`, `backend/registry.rs`, `backend/registry_error.rs`, `backend/resolved.rs` — models by name, opened
//! - `backend/checkpoint_folder.rs`, `backend/hub_cache.rs` — where checkpoints lie
//! - `backend/hub/mod.rs`, `backend/hub/settings.rs`, `backend/hub/error.rs`, `backend/hub/event.rs` — checkpoints from the hub
//! - `backend/hub/client.rs`, `backend/hub/refusal.rs`, `backend/hub/patience.rs` — requests, what a failure means, when to try again
//! - `backend/hub/listing.rs`, `backend/hub/transfer.rs`, `backend/hub/checksum.rs`, `backend/hub/store.rs` — files, verified, into the cache
//! - `backend/scripted.rs`, `backend/scripted/script.rs`, `backend/scripted/answer.rs`, `backend/scripted/memory.rs`, `backend/scripted/faults.rs`, `backend/scripted/loss.rs` — canned answers and real faults, to test everything else
//! - `native/mod.rs`, `native/model.rs`, `native/answer.rs`, `native/load_error.rs` — a checkpoint that answers
//! - `native/checkpoint.rs`, `native/checkpoint/json.rs`, `native/checkpoint/quantization.rs`, `native/checkpoint/weight_files.rs` — the files of a checkpoint
//! - `native/safetensors_header.rs`, `native/safetensors_header/parse.rs`, `native/weights.rs`, `native/weights/error.rs`, `native/weights/file.rs`, `native/weights/quantized.rs` — tensors, checked and each taken once
//! - `native/tokenizer.rs`, `native/tokenizer/detokenizer.rs`, `native/tokenizer/stop_ids.rs` — text to ids and back
//! - `native/chat_template.rs`, `native/chat_template/builtin.rs`, `native/chat_template/engine.rs` — conversations as prompts
//! - `native/image_processor/mod.rs`, `native/image_processor/rgb.rs`, `native/image_processor/error.rs` — images as the reference makes them
//! - `native/image_processor/decode.rs`, `native/image_processor/jpeg.rs`, `native/image_processor/pixel_limit.rs` — files to RGB
//! - `native/image_processor/resample.rs`, `native/image_processor/coefficients.rs`, `native/image_processor/filter.rs` — Pillow's resampling
//! - `native/image_processor/clip.rs`, `native/image_processor/idefics3.rs`, `native/image_processor/llava_next.rs`, `native/image_processor/phi3v.rs` — the processors: from RGB to frames
//! - `native/image_processor/fields.rs`, `native/image_processor/size.rs` — their configuration files
//! - `native/image_processor/center_crop.rs`, `native/image_processor/canvas.rs`, `native/image_processor/global_view.rs`, `native/image_processor/normalize.rs`, `native/image_processor/processed.rs` — background, tiles and floats
//! - `native/segments.rs`, `native/answer_opening.rs`, `native/prefill.rs`, `native/generate.rs`, `native/generate_error.rs`, `native/need.rs`, `native/sampler.rs` — prompts in pieces, decode, choice of tokens
//! - `native/candidates.rs` — how probable given answers are
//! - `native/chat_images.rs`, `native/vision_cache.rs`, `native/prefix_cache.rs`, `native/content_hash.rs` — what one question leaves for the next
//! - `native/nn/mod.rs`, `native/nn/linear.rs`, `native/nn/embedding.rs`, `native/nn/norm.rs`, `native/nn/activation.rs` — layers, dense or quantised
//! - `native/nn/attention.rs`, `native/nn/kv_cache.rs`, `native/nn/rope.rs`, `native/nn/vit.rs` — attention, its cache and positions, the vision encoder
//! - `native/plan/mod.rs`, `native/plan/activations.rs`, `native/plan/numerics.rs`, `native/plan/weights.rs`, `native/plan/planned.rs` — what a checkpoint will need of memory
//! - `native/nn/product.rs` — products of matrices on each backend
//! - `native/models/mod.rs`, `native/models/architecture.rs` — what a family is and what all families share
//! - `native/models/decoder.rs`, `native/models/clip.rs`, `native/models/siglip.rs`, `native/models/frames.rs`, `native/models/names.rs`, `native/models/outline.rs` — their networks and the names of their tensors
//! - `native/models/text_side.rs`, `native/models/prompt.rs` — chats as prompts
//! - `native/models/config_fields.rs`, `native/models/text_config.rs`, `native/models/rope_config.rs`, `native/models/vision_config.rs` — config.json
//! - `native/models/llava/mod.rs`, `native/models/llava/config.rs`, `native/models/llava/network.rs` — LLaVA 1.5 and LLaVA-NeXT
//! - `native/models/llava/views.rs`, `native/models/llava/unpad.rs` — what the two see of an image
//! - `native/models/phi3v/mod.rs`, `native/models/phi3v/config.rs`, `native/models/phi3v/layout.rs`, `native/models/phi3v/prompt.rs` — Phi-3-vision
//! - `native/models/smolvlm/mod.rs`, `native/models/smolvlm/config.rs`, `native/models/smolvlm/prompt.rs` — SmolVLM and Idefics3
//!
//! Memory discipline:
//! - `memory/mod.rs`, `memory/manager.rs`, `memory/schedule.rs`, `memory/cleanup.rs` — when to clean up, how, what a question cost
//! - `memory/allocator.rs`, `memory/mlx.rs`, `memory/device.rs`, `memory/budget.rs`, `memory/size.rs` — MLX's allocator, its device, what may be used
//! - `memory/signals.rs`, `memory/scripted_signals.rs`, `memory/system.rs` — what the process and the machine say
//! - `memory/platform/mod.rs`, `memory/platform/linux.rs`, `memory/platform/linux/control_group.rs`, `memory/platform/macos.rs` — where Linux and macOS differ
//! - `memory/pressure.rs`, `memory/pressure/swap.rs`, `memory/watch.rs` — how short memory is, looked at once a second
//! - `memory/simulated/mod.rs`, `memory/simulated/state.rs`, `memory/simulated/pool.rs`, `memory/simulated/profile.rs`, `memory/simulated/footprint.rs`, `memory/simulated/error.rs` — its rules for the CPU, Metal and CUDA, to try them anywhere
//! - `memory/leak/mod.rs`, `memory/leak/series.rs`, `memory/leak/ranks.rs`, `memory/leak/theil_sen.rs`, `memory/leak/step.rs`, `memory/leak/verdict.rs`, `memory/leak/watch.rs` — whether it grows from question to question
//! - `memory/forecast.rs`, `memory/admission.rs`, `memory/governed.rs`, `memory/failure.rs` — what a question will need, whether it is computed, what ends it
//! - `memory/limits.rs`, `memory/ladder.rs`, `memory/adaptive.rs` — what a user allows, what each level asks for, how often to clean up
//! - `memory/level.rs`, `memory/sample.rs`, `memory/question.rs`, `memory/record.rs`, `memory/scope.rs` — what is measured, what was done, what must leave nothing behind
//!
//! One model, one process:
//! - `worker/mod.rs`, `worker/protocol.rs`, `worker/serve.rs`, `worker/orphan.rs` — the worker
//! - `worker/process.rs`, `worker/process/exchange.rs`, `worker/process/group.rs`, `worker/process/pipes.rs` — the runner's hold on it
//! - `worker/death.rs`, `worker/death/cause.rs`, `worker/death/last_words.rs` — how it died
//!
//! What happened and how it is shown:
//! - `runner.rs`, `runner/model_run.rs`, `runner/telling.rs`, `runner/asking.rs`, `runner/ending.rs` — the only loop
//! - `runner/starting.rs`, `runner/ends.rs`, `runner/patience.rs` — workers after deaths, and when to give up
//! - `results/mod.rs`, `results/event.rs`, `results/question.rs`, `results/outcome.rs`, `results/error.rs` — events
//! - `results/journal.rs`, `results/recorder.rs`, `results/run_dir.rs` — kept as they come
//! - `results/report.rs`, `results/summary.rs`, `results/spread.rs`, `results/provenance.rs` — results.json, rebuilt from events
//! - `results/timeline.rs`, `results/cadence.rs`, `results/leak.rs`, `results/policies.rs` — the course of memory: memory.csv, gaps between clean-ups, growth; policies compared
//! - `results/figures.rs`, `results/vqa_figures.rs`, `results/describe_figures.rs`, `results/description.rs`, `results/context.rs`, `results/comparison.rs`, `results/recall.rs`, `results/soak.rs`, `results/evidence.rs` — what a suite measures
//! - `report/mod.rs`, `report/console.rs`, `report/live.rs` — the terminal
//! - `report/table.rs`, `report/overview.rs`, `report/outcomes.rs`, `report/vqa.rs`, `report/describe.rs`, `report/context.rs`, `report/recall.rs`, `report/soak.rs`, `report/leak.rs`, `report/policies.rs`, `report/models.rs`, `report/plan.rs`, `report/download.rs`, `report/answer.rs`, `report/problem.rs`, `report/json.rs` — what is rendered
//! - `report/layout.rs`, `report/text.rs`, `report/units.rs` — how it is laid out

pub mod backend;
pub mod cli;
pub mod commands;
pub mod dataset;
pub mod embedded;
pub mod error;
pub mod memory;
pub mod native;
pub mod report;
pub mod results;
pub mod runner;
pub mod scoring;
pub mod sha256;
pub mod suites;
pub mod vlm;
pub mod worker;
