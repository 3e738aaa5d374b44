// Checks that shape rules share. Messages are completed with the op's name and path by Graph::emit.
#pragma once

#include "core/error.h"
#include "graph/graph.h"

namespace newbie {

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
