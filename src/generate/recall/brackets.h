// Weights of other programs' prompts, written in our markup (text/prompt_weights.h): what counts otherwise than 1
// becomes (text:1.158), and a bracket that is a letter there gets the backslash that makes it one here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace newbie {

enum class BracketRule {
  None,         // all brackets are letters
  A1111,        // (x) 1.1, [x] 1/1.1, (x:w) times w; \( \) \[ \] \\ are letters, a backslash by itself is nothing
  ComfyUi,      // (x) 1.1, (x:w) is w whatever is around it; \( \) are letters; all other brackets are letters anyway
  NewBieNodes,  // ours
  NovelAi,      // {x} 1.05, [x] 1/1.05; parentheses and backslashes are letters
  NovelAi4,     // and w::x::
  Compel,       // InvokeAI: x+ 1.1, x- 0.9, (x y)+, (x y)1.4
};

struct RewrittenPrompt {
  std::string text;                   // in our markup
  bool has_markup = false;            // read as it stands it would be another prompt
  std::vector<std::string> problems;  // what could not be written so, in words
};

// A prompt whose brackets are broken has all of them as letters, and a problem that says so.
RewrittenPrompt rewrite_brackets(std::string_view prompt, BracketRule rule);

// Pieces of a prompt, each with its weight, in our markup. Weights are brought into 0 to kMaxPromptWeight.
struct WeightedPiece {
  std::string text;
  double weight = 1;
  bool is_absolute = false;  // ComfyUI: what is around it does not count
};
std::string in_our_markup(const std::vector<WeightedPiece>& pieces);

// InvokeAI's syntax, which has its weights behind words and brackets.
std::optional<std::vector<WeightedPiece>> read_compel(std::string_view prompt);

}  // namespace newbie
