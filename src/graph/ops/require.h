// Checks that shape rules share. Messages are completed with the op's name and path by Graph::emit.
#pragma once

#include "core/error.h"
#include "graph/graph.h"

namespace newbie {

// How many operands an op has; to be called first.
inline void require_inputs(std::span<const Value> in, size_t count) {
  if (in.size() != count) fail(ErrorKind::Internal, "takes {} inputs, got {}", count, in.size());
}

// A tensor of any rank but 0: it has a last axis.
inline void require_axes(const Value& v, std::string_view what) {
  if (v.shape().rank() == 0) fail(ErrorKind::Internal, "{} must have at least one axis", what);
}

inline void require_rank(const Value& v, int rank, std::string_view what) {
  if (v.shape().rank() != rank) fail(ErrorKind::Internal, "{} must have rank {}, got {}", what, rank, v.shape().str());
}

inline void require_shape(const Value& v, const Shape& shape, std::string_view what) {
  if (!(v.shape() == shape)) fail(ErrorKind::Internal, "{} must be {}, got {}", what, shape.str(), v.shape().str());
}

inline void require(bool condition, std::string_view what) {
  if (!condition) fail(ErrorKind::Internal, "{}", what);
}

}  // namespace newbie
