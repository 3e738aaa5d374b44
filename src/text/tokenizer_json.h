// The parts of HuggingFace's tokenizer.json that every kind of tokenizer has. All readers throw Error{BadFile} naming
// `where` for a damaged file and Error{Unsupported} for a setting that we do not follow.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "text/added_tokens.h"
#include "text/token_sequence.h"

namespace newbie {

const Json& require_member(const Json& object, const char* key, std::string_view where);
const std::string& require_string(const Json& value, std::string_view what, std::string_view where);
const Json& require_array(const Json& value, std::string_view what, std::string_view where);
int32_t require_id(const Json& value, std::string_view what, std::string_view where);  // in [0, kMaxVocabulary)
std::u32string require_piece(const std::string& text, std::string_view where);         // UTF-8, 1 to kMaxPieceBytes

// Absent and null are the same in these files.
const Json* find_setting(const Json& object, const char* key);

// `model`, checked to be of `type` ("BPE", "Unigram").
const Json& require_model(const Json& root, std::string_view type, std::string_view where);

[[noreturn]] void refuse_setting(std::string_view what, const Json& value, std::string_view where);

std::vector<AddedToken> read_added_tokens(const Json& root, std::string_view where);
SequenceTemplate read_template(const Json& root, std::string_view where);

}  // namespace newbie
