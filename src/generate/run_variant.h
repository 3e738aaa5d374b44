// RunVariant: how a request is drawn. The request says what, a budget may ask for another how: the pictures are the
// same.
#pragma once

#include "backend/weight_bank.h"
#include "compile/band_convolutions.h"
#include "generate/memory_plan.h"
#include "generate/network_kind.h"

namespace newbie {

struct RunVariant {
  Residency residency = Residency::FreeEncoders;
  bool fresh = false;                    // weights that an earlier request left are not used, and freed first
  Bands bands = Bands::None;             // of the autoencoder
  PerNetwork<StreamedWeights> streamed;  // the weights that are not kept

  bool frees_each() const { return residency == Residency::FreeEachStage; }
};

}  // namespace newbie
