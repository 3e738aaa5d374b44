// From where a model lies to one that draws for many.
#pragma once

#include <memory>

#include "server.h"

namespace newbie {

// Error as TextToImage::open() and JobService have it. `service` without its engine's budget and reader of requests.
std::unique_ptr<OpenModel> open_model(const ModelPaths& paths, const EngineOptions& options, ServiceOptions service,
                                      const ServerLimits& limits, Log& log);

}  // namespace newbie
