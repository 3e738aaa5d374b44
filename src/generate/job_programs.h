// Which programs a request runs, by what they are for.
#pragma once

#include "generate/job_context.h"
#include "generate/timeline.h"

namespace newbie {

// What encodes a prompt's text; not asked for where the text cache has it.
const CachedProgram& gemma_program(const JobContext& job, const TokenizedPrompt& prompt);
const CachedProgram& gemma_hidden_program(const JobContext& job, const TokenizedPrompt& prompt);
const CachedProgram& jina_program(const JobContext& job, const TokenizedPrompt& prompt);
const CachedProgram& context_program(const JobContext& job, const TokenizedPrompt& prompt);
// One step: whole, or in three for a step cache.
ProgramList step_programs(const JobContext& job, const TokenizedPrompt& prompt, const Pass& pass);
const CachedProgram& decoder_program(const JobContext& job, int64_t h, int64_t w, Bands bands);
const CachedProgram& encoder_program(const JobContext& job, const Pass& pass, Bands bands);

// The one that a stage runs, and that the guard looks at.
NetworkKind network_of(StageKind stage);

// Of all prompts, passes and sizes of tile.
ProgramList gemma_programs(const JobContext& job);
ProgramList jina_programs(const JobContext& job);
ProgramList context_programs(const JobContext& job);
ProgramList step_programs(const JobContext& job, const Pass& pass);
ProgramList dit_programs(const JobContext& job);  // context, then steps
ProgramList decoder_programs(const JobContext& job, const Pass& pass, Bands bands);
ProgramList decoder_programs(const JobContext& job, Bands bands);
ProgramList encoder_programs(const JobContext& job, Bands bands);
ProgramList programs_of(const JobContext& job, NetworkKind network, Bands bands);

std::vector<const Program*> plain(const ProgramList& programs);
size_t largest_arena_bytes(const ProgramList& programs);

}  // namespace newbie
