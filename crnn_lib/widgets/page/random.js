// The one source of random numbers.

/** Numbers in [0, 1), the same ones for the same seed (Park and Miller 1988). */
export function randomFrom(seed) {
  let state = (seed % 2147483646) + 1;
  const next = () => (state = (state * 16807) % 2147483647) / 2147483647;
  next();
  return next;
}
