#include "generate/job_programs.h"

#include <algorithm>

namespace newbie {

namespace {

void append(ProgramList& to, const ProgramList& more) { to.insert(to.end(), more.begin(), more.end()); }

}  // namespace

const CachedProgram& gemma_program(const JobContext& job, const TokenizedPrompt& t) {
  return job.programs.get({GraphKind::GemmaFeatures, {t.caption_tokens()}});
}

const CachedProgram& gemma_hidden_program(const JobContext& job, const TokenizedPrompt& t) {
  return job.programs.get({GraphKind::GemmaHidden, {t.caption_tokens()}});
}

const CachedProgram& jina_program(const JobContext& job, const TokenizedPrompt& t) {
  return job.programs.get({GraphKind::JinaText, {t.jina_tokens()}});
}

const CachedProgram& context_program(const JobContext& job, const TokenizedPrompt& t) {
  return job.programs.get({GraphKind::Context, {t.caption_tokens()}});
}

ProgramList step_programs(const JobContext& job, const TokenizedPrompt& t, const Pass& pass) {
  const auto part = [&](GraphKind kind) { return &job.programs.get({kind, {t.caption_tokens(), pass.h, pass.w}}); };
  if (job.request().cache.mode == CacheMode::Off) return {part(GraphKind::Step)};
  return {part(GraphKind::StepFirst), part(GraphKind::StepRest), part(GraphKind::StepLast)};
}

const CachedProgram& decoder_program(const JobContext& job, int64_t h, int64_t w, Bands bands) {
  return job.programs.get({GraphKind::Decode, {h, w}, bands});
}

const CachedProgram& encoder_program(const JobContext& job, const Pass& pass, Bands bands) {
  return job.programs.get({GraphKind::Encode, {pass.h, pass.w}, bands});
}

NetworkKind network_of(StageKind stage) {
  switch (stage) {
    case StageKind::Gemma: return NetworkKind::Gemma;
    case StageKind::Jina: return NetworkKind::Jina;
    case StageKind::Context:
    case StageKind::FirstPass:
    case StageKind::HiresPass: return NetworkKind::Dit;
    case StageKind::Enlarge:
    case StageKind::Decode: return NetworkKind::Decoder;
    default: return NetworkKind::Encoder;
  }
}

ProgramList gemma_programs(const JobContext& job) {
  ProgramList out;
  for (const TokenizedPrompt& t : job.prepared.prompts) {
    if (!t.cached_features) out.push_back(&gemma_program(job, t));
    if (t.hides()) out.push_back(&gemma_hidden_program(job, t));
  }
  return out;
}

ProgramList jina_programs(const JobContext& job) {
  ProgramList out;
  for (const TokenizedPrompt& t : job.prepared.prompts)
    if (!t.cached_pooled) out.push_back(&jina_program(job, t));
  return out;
}

ProgramList context_programs(const JobContext& job) {
  ProgramList out;
  for (const TokenizedPrompt& t : job.prepared.prompts) out.push_back(&context_program(job, t));
  return out;
}

ProgramList step_programs(const JobContext& job, const Pass& pass) {
  ProgramList out;
  for (const TokenizedPrompt& t : job.prepared.prompts) append(out, step_programs(job, t, pass));
  return out;
}

ProgramList dit_programs(const JobContext& job) {
  ProgramList out = context_programs(job);
  for (const Pass& pass : job.prepared.passes) append(out, step_programs(job, pass));
  return out;
}

ProgramList decoder_programs(const JobContext& job, const Pass& pass, Bands bands) {
  ProgramList out;
  for (const TileSpan& row : pass.rows)
    for (const TileSpan& column : pass.columns)
      if (const CachedProgram* program = &decoder_program(job, row.count, column.count, bands);
          std::ranges::find(out, program) == out.end())
        out.push_back(program);
  return out;
}

ProgramList decoder_programs(const JobContext& job, Bands bands) {
  ProgramList out;
  for (const Pass& pass : job.prepared.passes) append(out, decoder_programs(job, pass, bands));
  return out;
}

ProgramList encoder_programs(const JobContext& job, Bands bands) {
  ProgramList out;
  if (job.prepared.starts_from_picture()) out.push_back(&encoder_program(job, job.prepared.first(), bands));
  if (job.prepared.hires()) out.push_back(&encoder_program(job, job.prepared.last(), bands));
  return out;
}

ProgramList programs_of(const JobContext& job, NetworkKind network, Bands bands) {
  switch (network) {
    case NetworkKind::Gemma: return gemma_programs(job);
    case NetworkKind::Jina: return jina_programs(job);
    case NetworkKind::Dit: return dit_programs(job);
    case NetworkKind::Decoder: return decoder_programs(job, bands);
    case NetworkKind::Encoder: return encoder_programs(job, bands);
  }
  return {};
}

std::vector<const Program*> plain(const ProgramList& programs) {
  std::vector<const Program*> out;
  for (const CachedProgram* p : programs) out.push_back(&p->program);
  return out;
}

size_t largest_arena_bytes(const ProgramList& programs) {
  size_t out = 0;
  for (const CachedProgram* p : programs) out = std::max(out, p->program.memory().arena_bytes);
  return out;
}

}  // namespace newbie
