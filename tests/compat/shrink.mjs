// shrink: the shortest story that still ends badly, by leaving out ever smaller
// parts of it (delta debugging). `fails` tells a story and says whether it does.

export async function shrink(steps, fails, tries = 400) {
	let parts = 2;
	while (steps.length > 1 && tries > 0) {
		const size = Math.ceil(steps.length / parts);
		let isSmaller = false;
		for (let i = 0; i < steps.length && tries > 0; i += size) {
			const rest = [...steps.slice(0, i), ...steps.slice(i + size)];
			tries--;
			if (await fails(rest)) {
				steps = rest;
				parts = Math.max(parts - 1, 2);
				isSmaller = true;
				break;
			}
		}
		if (!isSmaller) {
			if (size === 1)
				break;
			parts = Math.min(parts * 2, steps.length);
		}
	}
	return steps;
}

// A story as the source of a test (retold.test.mjs).
export function asTest(steps) {
	return `retold('name it', [\n${steps.map((step) =>
		`\t${JSON.stringify(step)},`).join('\n')}\n]);`;
}
