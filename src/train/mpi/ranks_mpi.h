// Ranks over MPI (Open MPI 4): compiled with NEWBIE_MPI alone.
#pragma once

#include <memory>

#include "train/ranks.h"

namespace newbie {

std::unique_ptr<Ranks> start_mpi_ranks();

}  // namespace newbie
