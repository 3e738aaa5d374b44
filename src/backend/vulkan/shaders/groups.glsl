// What a group of 64 invocations makes together, through its shared memory. All of them must come here.
shared float part[64];

float sum_of_group(float mine) {
  const uint t = gl_LocalInvocationIndex;
  barrier();
  part[t] = mine;
  for (uint other = 32; other > 0; other /= 2) {
    barrier();
    if (t < other) part[t] += part[t + other];
  }
  barrier();
  return part[0];
}

float largest_of_group(float mine) {
  const uint t = gl_LocalInvocationIndex;
  barrier();
  part[t] = mine;
  for (uint other = 32; other > 0; other /= 2) {
    barrier();
    if (t < other) part[t] = max(part[t], part[t + other]);
  }
  barrier();
  return part[0];
}
