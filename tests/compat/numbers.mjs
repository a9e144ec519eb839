// numbers: what is random in a test, and can be had again by its seed.

// Repeatable numbers in [0, 1): a 32-bit xorshift.
export function numbers(seed) {
	let x = (seed * 2654435761) >>> 0 || 1;
	return () => {
		x ^= x << 13;
		x >>>= 0;
		x ^= x >>> 17;
		x ^= x << 5;
		x >>>= 0;
		return x / 2 ** 32;
	};
}
