// From a request to a prepared one: checked, with sizes, schedules, token ids and pictures brought to size.
#pragma once

#include "generate/engine.h"
#include "generate/prepared_request.h"

namespace newbie {

// Error{InvalidRequest} or Error{BadFile} as a run would throw them; Error{OverBudget} for what is so large that no
// graph need be built to see that `budget` bytes are too few.
PreparedRequest prepare_request(Engine& engine, const GenerateRequest& request, size_t budget, Log& log);

PictureSize final_size(const OpenedModel& model, const GenerateRequest& request);  // of the pictures it will give

// Of the text cache.
TextCacheKey features_key(const Engine& engine, const JobAdapters& adapters, const TokenizedPrompt& prompt);
TextCacheKey pooled_key(const Engine& engine, const TokenizedPrompt& prompt);

}  // namespace newbie
