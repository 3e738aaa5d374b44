#include "text/prompt_tokens.h"

#include <algorithm>
#include <limits>

#include "text/prompt_tags.h"
#include "text/system_prompts.h"

namespace newbie {
namespace {

constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

// Blocks beside each other and inside of roots. Roots nest as deep as a hostile text likes: the nodes are in the order
// of the text, so a walk through them is enough.
std::vector<const PromptNode*> blocks_of(const PromptTree& tree) {
  std::vector<const PromptNode*> out;
  size_t end = 0;  // of the last block: what is inside is its own
  for (const PromptNode& node : tree.nodes) {
    if (node.kind != PromptNode::Kind::Element || node.begin < end) continue;
    if (!character_number(node.name) && !is_general_tags(node.name) && node.name != "caption" &&
        !is_old_character(tree, node))
      continue;
    out.push_back(&node);
    end = node.end;
  }
  return out;
}

EncoderTokens count(std::string_view prompt, const PromptTree& tree, std::string encoder, const Tokenizer& tokenizer,
                    const std::string& text, size_t limit) {
  const size_t prompt_begin = text.size() - prompt.size();
  const TokenizedText all = tokenizer.encode(text, kNoLimit);
  const TokenizedText cut = tokenizer.encode(text, limit);
  EncoderTokens out{.encoder = std::move(encoder),
                    .text = text,
                    .prompt_begin = prompt_begin,
                    .limit = limit,
                    .used = cut.ids.size(),
                    .lost = cut.lost_tokens};

  const size_t first = all.specials_before, last = all.ids.size() - all.specials_after;
  const size_t kept = last - cut.lost_tokens;
  out.pieces.reserve(all.ids.size());
  for (size_t i = 0; i < all.ids.size(); ++i) {
    TokenPiece piece{.id = all.ids[i], .source = TokenPiece::Source::Special};
    if (i >= first && i < last) {
      piece.begin = all.begins[i];
      piece.end = std::max(piece.begin, i + 1 < last ? all.begins[i + 1] : text.size());
      piece.lost = i >= kept;
      piece.source = piece.begin >= prompt_begin ? TokenPiece::Source::Prompt : TokenPiece::Source::SystemPrompt;
    }
    out.pieces.push_back(piece);
  }
  if (out.lost > 0) {
    const size_t offset = all.begins[kept];
    out.lost_at = PositionCursor(prompt).at(offset > prompt_begin ? offset - prompt_begin : 0);
  }

  // Pieces rise with the text, and so do the blocks.
  auto piece = out.pieces.begin();
  for (const PromptNode* block : blocks_of(tree)) {
    BlockTokens& row = out.blocks.emplace_back(BlockTokens{block->name, block->at});
    for (; piece != out.pieces.end(); ++piece) {
      if (piece->source != TokenPiece::Source::Prompt || piece->begin < prompt_begin + block->begin) continue;
      if (piece->begin >= prompt_begin + block->end) break;
      ++row.count;
    }
  }
  return out;
}

}  // namespace

PromptTokens count_prompt_tokens(std::string_view prompt, const PromptTree& tree, const Tokenizer& gemma,
                                 const Tokenizer& jina, const TokenOptions& options) {
  const SystemPrompt system = resolve_system_prompt(options.system_prompt, prompt);
  const EncoderTexts texts = route_prompt(prompt, system.text, options.routing);
  return {system.text, count(prompt, tree, "Gemma", gemma, texts.gemma_text, options.max_gemma_tokens),
          count(prompt, tree, "Jina CLIP", jina, texts.jina_text, options.max_jina_tokens)};
}

}  // namespace newbie
