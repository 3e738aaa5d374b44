// Pictures in the terminal itself: which protocol it understands, and the way there. One file for each protocol.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "image/image.h"

namespace newbie {

inline constexpr const char* kShowAuto = "auto";

// Whole terminal sequences. RGB pictures.
std::string kitty_picture(const Image& image);   // PNG in base64, in pieces of at most 4096
std::string iterm2_picture(const Image& image);  // PNG in base64
std::string sixel_picture(const Image& image);   // 256 colours with error diffusion

using PictureEncoder = std::string (*)(const Image& image);

// "kitty, iterm2, sixel"
std::string show_protocols();

// What is known of the terminal: its environment, and an answer of its own.
struct TerminalFacts {
  bool is_terminal = false;                                              // stdout is one
  std::function<std::optional<std::string>(const char* name)> variable;  // of the environment
  std::function<std::string()> attributes;                               // the answer to ESC [ c; empty: none came
};

// The protocol of that name, or for "auto" the first that the terminal understands. Error{InvalidRequest} for an
// unknown name, Error{Unsupported} when the terminal understands none.
PictureEncoder choose_protocol(const std::string& name, const TerminalFacts& facts);

// Of the terminal this program runs in. Asks it at most once, and waits for 200 ms at most.
TerminalFacts this_terminal();

}  // namespace newbie
