#include "prompt_check.h"

#include <algorithm>

#include "text/prompt_lint.h"

namespace newbie {

void warn_of_unknown(const KnownThings& known, const GenerateRequest& request, PictureSize size, Log& log) {
  for (const std::string& note : notes_on_known(known, request, size))
    log.warn("{}; newbie models --words lists what it knows", note);
}

void warn_of_slips(const GenerateRequest& request, Log& log) {
  const auto check = [&](const char* what, const std::string& text) {
    const std::vector<Finding> findings = lint_prompt(text, parse_prompt(text));
    const auto first =
        std::find_if(findings.begin(), findings.end(), [](const Finding& f) { return f.severity == Severity::Error; });
    if (first != findings.end())
      log.warn("{}:{}:{}: {}; the model reads it as it is, newbie prompt lint tells all", what, first->at.line,
               first->at.column, first->message);
  };
  check("prompt", request.prompt);
  check("negative prompt", request.negative_prompt);
}

}  // namespace newbie
