// Memory for oneDNN when the system has none left. oneDNN (2.7) does not look whether it was given any: refused pages
// for a kernel's code, or the object that describes one, it goes on with a null pointer. So its calls for memory come
// to us, and what the system refuses is served from address space that was set aside before. What was asked of it can
// then be finished, and the next thing is refused by an Error.
#pragma once

namespace newbie::cpu::onednn {

// Call before oneDNN is asked for a description, a primitive or a memory object. Error{OverBudget} when enough for one
// cannot be set aside. Any thread.
void require_reserve();

// oneDNN keeps up to 1024 primitives that nobody has any more, with their code: it lets go of them. Any thread.
void forget_primitives();

}  // namespace newbie::cpu::onednn
