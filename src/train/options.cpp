// What settings of a run make sense, and which of them are its identity.
#include <cmath>

#include "core/error.h"
#include "core/json.h"
#include "train/run.h"
#include "weights/sha256.h"

namespace newbie {

namespace {

void require_setting(bool good, std::string_view key, const auto& value, std::string_view expected) {
  if (!good) fail(ErrorKind::InvalidRequest, "{} = {}: expected {}", key, value, expected);
}

std::string hash_of(const Json& json) {
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return sha256_of(std::as_bytes(std::span(text)));
}

}  // namespace

void check_options(const TrainOptions& o) {
  if (o.data.empty()) fail(ErrorKind::InvalidRequest, "train_data_dir is missing: the folder with pictures");
  if (o.output.empty()) fail(ErrorKind::InvalidRequest, "output_dir is missing");
  require_setting(!o.name.empty() && o.name.find('/') == std::string::npos, "output_name", o.name, "a file name");
  require_setting(std::isfinite(o.lr) && o.lr > 0, "learning_rate", o.lr, "a number above 0");
  require_setting(o.batch_size >= 1 && o.batch_size <= 65536, "train_batch_size", o.batch_size, "1 to 65536");
  require_setting(o.accumulate >= 1 && o.accumulate <= 65536, "accumulate", o.accumulate, "1 to 65536");
  require_setting(o.epochs >= 1 && o.epochs <= 1'000'000, "num_epochs", o.epochs, "1 to 1000000");
  require_setting(o.steps >= 0, "max_steps", o.steps, "0 (by epochs) or more");
  require_setting(o.warmup >= 0, "lr_warmup_steps", o.warmup, "0 or more");
  require_setting(o.cycles >= 1, "lr_cycles", o.cycles, "1 or more");
  require_setting(std::isfinite(o.clip) && o.clip >= 0, "gradient_clip_norm", o.clip, "0 (none) or more");
  require_setting(!o.ema || (*o.ema >= 0 && *o.ema < 1), "ema_decay", o.ema.value_or(0), "0 to below 1");
  require_setting(o.adapter.dropout >= 0 && o.adapter.dropout < 1, "lora_dropout", o.adapter.dropout, "0 to below 1");
  require_setting(o.caption_dropout >= 0 && o.caption_dropout <= 1, "caption_dropout", o.caption_dropout, "0 to 1");
  require_setting(o.tags.orders >= 1 && o.tags.orders <= 1024, "tag_orders", o.tags.orders, "1 (as written) to 1024");
  require_setting(o.tags.keep >= 0, "keep_tags", o.tags.keep, "0 or more");
  require_setting(!o.tags.separator.empty(), "tag_separator", o.tags.separator, "a text");
  require_setting(o.keep >= 1, "keep_checkpoints", o.keep, "1 or more");
  require_setting(o.save_every >= 0, "save_every_steps", o.save_every, "0 (at the end of epochs) or more");
  require_setting(o.samples.every >= 0, "sample_every_steps", o.samples.every, "0 (at checkpoints) or more");
  require_setting(o.validate_every >= 0, "validate_every_steps", o.validate_every, "0 (at checkpoints) or more");
  require_setting(o.most_bad_steps >= 1, "max_bad_steps", o.most_bad_steps, "1 or more");
  require_setting(o.threads >= 1, "threads", o.threads, "1 or more");
  require_setting(std::isfinite(o.scaler_start.scale) && o.scaler_start.scale > 0, "loss_scale", o.scaler_start.scale,
                  "a number above 0");
}

// Not where things lie, how many threads there are, or how often it saves.
std::string settings_hash(const TrainOptions& o) {
  return hash_of(
      {{"kind", to_string(o.adapter.kind)},
       {"targets", o.adapter.targets},
       {"rank", o.adapter.rank},
       {"alpha", o.adapter.alpha},
       {"rslora", o.adapter.rslora},
       {"rank_pattern", o.adapter.rank_pattern},
       {"alpha_pattern", o.adapter.alpha_pattern},
       {"lokr_factor", o.adapter.lokr_factor},
       {"lora_dropout", o.adapter.dropout},
       {"optimizer", to_string(o.optimizer.kind)},
       {"betas", {o.optimizer.adamw.beta1, o.optimizer.adamw.beta2, o.optimizer.lion.beta1, o.optimizer.lion.beta2}},
       {"eps", o.optimizer.adamw.eps},
       {"decay", {o.optimizer.adamw.weight_decay, o.optimizer.lion.weight_decay, o.optimizer.adafactor.weight_decay}},
       {"lr", o.lr},
       {"schedule", static_cast<int>(o.schedule)},
       {"warmup", o.warmup},
       {"cycles", o.cycles},
       {"clip", o.clip},
       {"ema", o.ema.value_or(-1.0)},
       {"batch", {o.batch_size, o.accumulate, o.epochs, o.steps}},
       {"times", {static_cast<int>(o.times.density), o.times.shift, o.times.shift_by_bucket}},
       {"buckets", {o.buckets.enabled, o.buckets.resolution, o.buckets.least, o.buckets.most, o.buckets.step}},
       {"dropout", o.caption_dropout},
       {"tags", {o.tags.orders, o.tags.keep}},
       {"tag_separators", {o.tags.separator, o.tags.kept_separator}},
       {"official_caches", o.official_caches},
       {"system_prompt", o.system_prompt.value_or("\x01")},
       {"precision", static_cast<int>(o.precision.preset)},
       {"scaler", {static_cast<int>(o.scaler), static_cast<double>(o.scaler_start.scale)}},
       {"seed", o.seed}});
}

std::string data_hash(const Dataset& dataset) {
  Json examples = Json::array();
  for (const Example& e : dataset.examples) {
    const PictureSize& size = dataset.buckets[e.bucket];
    examples.push_back({e.content, e.caption, size.width, size.height, e.repeats});
  }
  return hash_of(examples);
}

}  // namespace newbie
