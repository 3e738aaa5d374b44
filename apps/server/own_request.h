// The body of POST /v1/jobs and /v1/plan: the request's fields, and beside them what becomes of the pictures.
#pragma once

#include <string>
#include <vector>

#include "call.h"
#include "core/json.h"

namespace newbie {

// Fields as request_fields.h has them, and "output_format" ("png", "jpeg", "webp"), "output_compression" (0 to 100),
// "precision" (a preset's name), "client_id". Error{InvalidRequest} as request_from_json() throws it, and for a prompt
// that is too long or no text.
Submission own_submission(const Call& call, OrderedJson json);

// What a client should know of its request, in sentences with our names of fields: what does nothing in it, and what
// the model never learned. Error as JobEngine::final_size() throws it.
std::vector<std::string> notes_on(const OpenModel& model, const GenerateRequest& request);

// Limits of every interface: prompts of so many bytes, both UTF-8.
void check_prompts(const GenerateRequest& request, const ServerLimits& limits);

// Takes out what is null: it asks for nothing, whatever the field. Error{InvalidRequest} for what is no object.
void drop_nulls(OrderedJson& json);

// Takes `name` out of an object; null when it is not there.
OrderedJson take_member(OrderedJson& json, const std::string& name);

// Seeds above 2^53 come as text from clients whose numbers end there: "seed" as the number it says.
void read_seed(OrderedJson& json);

// "output_format" and "output_compression" as a submission has them; null: the default. Errors name `field`.
void set_format(Submission& submission, const OrderedJson& format, std::string_view field);
void set_quality(Submission& submission, const OrderedJson& quality, std::string_view field);

// A journaled submission's text as its request again.
GenerateRequest request_of_text(const std::string& text, const ServerLimits& limits);

}  // namespace newbie
