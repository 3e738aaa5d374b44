// What a picture will say of its making, known before it is drawn but for what the guard does.
#pragma once

#include "generate/engine.h"
#include "generate/metadata.h"
#include "generate/prepared_request.h"

namespace newbie {

PictureFacts picture_facts(const Engine& engine, const PreparedRequest& request, int picture);

}  // namespace newbie
