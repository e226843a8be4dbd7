// The one source of random numbers.

/** Numbers in [0, 1), the same ones for the same seed (Park and Miller 1988). */
export function randomFrom(seed) {
  let state = (seed % 2147483646) + 1;
  const next = () => (state = (state * 16807) % 2147483647) / 2147483647;
  next();
  return next;
}

/** Numbers of a normal distribution (Box and Muller 1958). @param {() => number} random */
export const normalFrom = (random) => () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
