// random: tells stories of one process and prints what came of them as JSON on
// the last line; for random.test.mjs and long.mjs.
//
//   node random.mjs SEED STEPS SECONDS [THROW...]
//
// Stories of some steps each, with the seeds from SEED on, until there were
// STEPS or the SECONDS are over. A story that ends badly is made short and
// printed as a test. LEVEL is both.mjs's.

import { used } from './both.mjs';
import { Dice } from './dice.mjs';
import { asTest, shrink } from './shrink.mjs';
import { Server } from './stage.mjs';
import { Walk } from './walk.mjs';

const STORY = 80;
const BAD_MAX = Number(process.env.BAD_MAX || 3);

const [seed, steps, seconds, ...only] = process.argv.slice(2);
const until = performance.now() + Number(seconds) * 1000;
const result = { first: Number(seed), stories: 0, steps: 0, bad: [], ops: {},
	used };

async function story(walk, n) {
	const dice = new Dice(walk, n, only.length > 0 ? only : undefined);
	const told = [];
	await walk.begin();
	for (let i = 0; i < STORY && !walk.hasParted; i++) {
		const step = dice.throw();
		told.push(step);
		try {
			await walk.play(step);
		} catch (err) {
			return { told, err };
		}
		result.steps++;
		result.ops[step.op] = (result.ops[step.op] ?? 0) + 1;
	}
	return undefined;
}

// The same keys must differ, so that no other fault is caught on the way.
async function shorten(walk, { told, err }) {
	const keys = (each) => (each.keys ?? [each.message]).join();
	let last;
	const short = await shrink(told, (some) => walk.tell(some)
		.then(() => false, (again) => {
			const is = keys(again) === keys(err);
			if (is)
				last = again;
			return is;
		}));
	return { short, err: last };
}

const server = await Server.start();
const walk = await Walk.set(server);
for (let n = Number(seed); result.steps < Number(steps) &&
	performance.now() < until && result.bad.length < BAD_MAX; n++) {
	const end = await story(walk, n);
	result.stories++;
	if (!end)
		continue;
	result.bad.push(n);
	if (process.env.RAW) // somebody only wants to know
		continue;
	const { short, err } = await shorten(walk, end);
	console.log(`seed ${n}, step ${end.told.length}: ${err ? err.message :
		`not met again: ${end.err.stack}`}\n${asTest(short)}\n`);
}
await walk.strike();
await server.stop();
console.log(JSON.stringify(result));
