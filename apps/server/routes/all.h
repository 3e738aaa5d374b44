// Every route of the server. A new one is a constant in a file beside this one and a row in all.cpp.
#pragma once

#include "router.h"

namespace newbie {

extern const Route health_route, ready_route, metrics_route, openapi_route, capabilities_route, page_route, asset_route;
extern const Route submit_job_route, list_jobs_route, get_job_route, delete_job_route, front_job_route,
    job_events_route, job_picture_route;
extern const Route plan_route, metadata_route, compare_route;
extern const Route lint_route, format_route, tokens_route, from_tags_route, prompt_schema_route, outline_route,
    words_route;
extern const Route openai_models_route, openai_model_route, openai_generations_route, openai_edits_route;
extern const Route a1111_txt2img_route, a1111_img2img_route, a1111_progress_route, a1111_interrupt_route,
    a1111_skip_route, a1111_get_options_route, a1111_set_options_route, a1111_samplers_route, a1111_schedulers_route,
    a1111_models_route, a1111_vae_route, a1111_modules_route, a1111_loras_route, a1111_upscalers_route,
    a1111_latent_upscale_modes_route, a1111_embeddings_route, a1111_scripts_route, a1111_script_info_route,
    a1111_cmd_flags_route, a1111_memory_route, a1111_png_info_route, a1111_styles_route, a1111_hypernetworks_route,
    a1111_face_restorers_route, a1111_refresh_route, a1111_refresh_loras_route, a1111_refresh_vae_route,
    a1111_unload_route, a1111_reload_route, a1111_extra_image_route, a1111_extra_images_route, a1111_ping_route;

}  // namespace newbie
