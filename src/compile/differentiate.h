// Reverse mode as a pass: a graph with a loss becomes one that also gives what every trainable weight does to it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "graph/graph.h"

namespace newbie {

// The input [1] of a differentiated graph that a run binds to the loss' own gradient: 1, or what a loss scaler and the
// mean over a batch make of it. All nodes before it are the graph's own, all behind it are the way back.
inline constexpr std::string_view kLossGradient = "loss_gradient";

// What the output of a weight's gradient is called.
std::string gradient_name(std::string_view weight);

using Trainable = std::function<bool(const std::string& weight)>;

// `graph` with, for each weight that is `trainable`, an output gradient_name(weight) of its shape; `loss` is the name
// of an output [1]. Ops on the way that have no rule are taken apart where they can be. The gradient of a value is
// known by the value's path and ".gradient", and what a rule makes on the way by that and the op's name: what a policy
// says of a module holds for both directions.
//
// Error{InvalidRequest} when no weight is trainable or one of them does not reach the loss; Error{Unsupported} names
// the op and path that the way back does not lead through.
Graph differentiate(const Graph& graph, std::string_view loss, const Trainable& trainable);

}  // namespace newbie
