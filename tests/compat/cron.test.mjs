// base/cron and base/zone against BullMQ's own answers: random patterns, zones
// and instants, many of them around a change of the clock.
// SEED=7 PATTERNS=100000 asks others; a failure names its seed.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { getNextMillis } from 'bullmq';
import { IANAZone } from 'luxon';
import { numbers } from './numbers.mjs';

const SEED = Number(process.env.SEED ?? 1);
const PATTERNS = Number(process.env.PATTERNS ?? 2500);
const HOUR = 3600000;
const DAY = 24 * HOUR;

const ZONES = ['UTC', 'utc', 'GMT', 'UTC+2', 'UTC-03:30', 'UTC+14',
	'Europe/Berlin', 'europe/berlin', 'America/New_York', 'US/Pacific',
	'America/St_Johns', 'America/Havana', 'America/Santiago',
	'America/Sao_Paulo', 'America/Asuncion', 'America/Nuuk',
	'America/Scoresbysund', 'Atlantic/Azores', 'Africa/Cairo',
	'Africa/Casablanca', 'Asia/Beirut', 'Asia/Gaza', 'Asia/Tehran',
	'Asia/Kathmandu', 'Asia/Amman', 'Australia/Lord_Howe',
	'Australia/Sydney', 'Pacific/Chatham', 'Pacific/Apia',
	'Antarctica/Troll', 'Europe/Dublin', 'Asia/Kolkata', 'PST', 'IST'];
const NAMES = ['local', 'SYSTEM', 'default', 'EST5EDT', 'CET', 'Zulu', 'GMT0',
	'Etc/GMT-14', 'america/argentina/ushuaia', 'ACT', 'AET', 'AGT', 'ART',
	'AST', 'BET', 'BST', 'CAT', 'CNT', 'CST', 'CTT', 'EAT', 'ECT', 'IET',
	'JST', 'MIT', 'NET', 'NST', 'PLT', 'PNT', 'PRT', 'SST', 'VST'];
const NO_ZONES = ['Europe', 'Europe/', '/Europe/Berlin', 'Europe//Berlin',
	'../zoneinfo/UTC', 'Europe/../UTC', 'posixrules', 'localtime',
	'posix/UTC', 'right/UTC', 'UTC+', 'UTC+2:5', 'GMT+2', 'Z',
	'CET-1CEST,M3.5.0,M10.5.0/3', 'tzdata.zi', 'zone.tab', 'Nowhere',
	'Europe/Berlin ', ' UTC', '+2', '+2:00', '+24:00', 'UTC+123'];

// Our side: one line there, one line back, in order.
class Ours {
	constructor() {
		const program = process.env.CRON_AT;
		if (!program)
			throw new Error('CRON_AT must name the program');
		this.process = spawn(program, [],
			{ stdio: ['pipe', 'pipe', 'inherit'] });
	}

	async answers(questions) {
		const text = [];
		this.process.stdout.on('data', (data) => text.push(data));
		const ended = new Promise((resolve) =>
			this.process.once('close', resolve));
		for (const { zone, seed, from, until, pattern } of questions)
			this.process.stdin.write([zone ?? '', seed ?? '', from,
				until ?? 0, pattern].join('\t') + '\n');
		this.process.stdin.end();
		assert.equal(await ended, 0);
		return Buffer.concat(text).toString().trimEnd().split('\n');
	}
}

function bullmqs({ zone, seed, from, until, pattern }) {
	try {
		return String(getNextMillis(from, {
			pattern, tz: zone, endDate: until, hashSeed: seed,
		}) ?? 'none');
	} catch (err) {
		return /unhandled timestamp/.test(err.message) ? 'zone' : 'wrong';
	}
}

// Answers of both that differ, and how many there were of which kind.
async function ask(questions) {
	const ours = await new Ours().answers(questions);
	assert.equal(ours.length, questions.length);
	const differ = [];
	let n = { instants: 0, none: 0, wrong: 0, zone: 0 };
	questions.forEach((question, i) => {
		const theirs = bullmqs(question);
		n[n[theirs] === undefined ? 'instants' : theirs]++;
		if (ours[i].replace(/:.*/, '') !== theirs)
			differ.push({ ...question, ours: ours[i], theirs });
	});
	return { differ, n };
}

// Node brings its own rules of time zones, and they may be years older than the
// system's: what governments have changed since is nothing to compare. Zones
// that keep Ramadan are guessed anew by every release.
const RAMADAN = ['Africa/Casablanca', 'Africa/El_Aaiun', 'Asia/Gaza',
	'Asia/Hebron'];
let changed = new Set();
async function findChanged() {
	const [, system] = /^# version (\S+)/.exec(readFileSync(
		'/usr/share/zoneinfo/tzdata.zi', 'utf8'));
	if (process.versions.tz >= system)
		return;
	const zones = [...new Set([...Intl.supportedValuesOf('timeZone'),
		...ZONES, ...NAMES])];
	const { differ } = await ask(zones.flatMap((zone) =>
		[[2026, 0], [2026, 6], [2033, 0], [2033, 6]].map(([year, month]) =>
			({ zone, from: Date.UTC(year, month, 15),
				pattern: '30 5 * * *' }))));
	changed = new Set([...RAMADAN, ...differ.map(({ zone }) => zone)]);
	assert.ok(changed.size < zones.length / 10, [...changed].join(' '));
}

async function compare(all) {
	const questions = all.filter(({ zone }) => !changed.has(zone));
	const { differ, n } = await ask(questions);
	assert.deepEqual(differ.slice(0, 10), [],
		`${differ.length} of ${questions.length} differ`);
	return n;
}

class Draw {
	constructor(seed) {
		this.random = numbers(seed);
		this.changes = new Map();
	}

	below(n) {
		return Math.floor(this.random() * n);
	}

	of(list) {
		return list[this.below(list.length)];
	}

	between(min, max) {
		return min + this.below(max - min + 1);
	}

	number(min, max) {
		return this.random() < 0.03 ? this.between(0, 70)
			: this.between(min, max);
	}

	name(kind) {
		const name = this.of(kind === 'month'
			? ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug',
				'sep', 'oct', 'nov', 'dec']
			: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']);
		return this.of([name, name.toUpperCase(),
			name[0].toUpperCase() + name.slice(1)]);
	}

	value(kind, min, max) {
		if ((kind === 'month' || kind === 'weekday') && this.random() < 0.3)
			return this.name(kind);
		return String(this.number(min, max));
	}

	atom(kind, min, max) {
		const step = this.random() < 0.3
			? `/${this.between(1, this.random() < 0.8 ? 12 : 70)}` : '';
		switch (this.below(10)) {
		case 0:
			return `*${step}`;
		case 1:
			return `?${step}`;
		case 2:
		case 3:
		case 4: {
			const ends = [this.number(min, max), this.number(min, max)]
				.sort((a, b) => a - b);
			return `${ends[0]}-${ends[1]}${step}`;
		}
		case 5:
			if (kind === 'day')
				return this.of(['L', 'L', '15L', '1-5L']);
			if (kind === 'weekday')
				return this.of([`${this.value(kind, 0, 7)}L`,
					`${this.value(kind, 0, 7)}L`, 'L']);
			return this.value(kind, min, max);
		case 6:
			return this.of(['H', `H/${this.between(1, 40)}`,
				`H(${this.number(min, max)}-${this.number(min, max)})`,
				`H(${min}-${max})${step}`]);
		default:
			return this.value(kind, min, max)
				+ (this.random() < 0.1 ? step : '');
		}
	}

	field(kind, min, max, chance) {
		if (this.random() < chance)
			return this.of(['*', '*', '*', '?']);
		if (kind === 'weekday' && this.random() < 0.1)
			return `${this.value(kind, 0, 7)}#${this.between(1, 5)}`;
		const atoms = [this.atom(kind, min, max)];
		while (this.random() < 0.25)
			atoms.push(this.atom(kind, min, max));
		return atoms.join(',');
	}

	pattern() {
		if (this.random() < 0.02)
			return this.of(['@yearly', '@annually', '@monthly',
				'@weekly', '@daily', '@hourly', '@minutely',
				'@secondly', '@weekdays', '@weekends', '@never']);
		const fields = [
			this.field('second', 0, 59, 0.3),
			this.field('minute', 0, 59, 0.3),
			this.field('hour', 0, 23, 0.2),
			this.field('day', 1, 31, 0.6),
			this.field('month', 1, 12, 0.7),
			this.field('weekday', 0, 7, 0.6),
		];
		return fields.slice(this.random() < 0.6 ? 1
			: this.random() < 0.05 ? this.below(6) : 0).join(' ');
	}

	// A pattern with some bytes of it changed.
	damaged() {
		let pattern = this.pattern();
		for (let n = this.between(1, 3); n > 0; n--) {
			const at = this.below(pattern.length + 1);
			pattern = pattern.slice(0, at)
				+ this.of('0123456789*?,-/#LWHaejnsu  ')
				+ pattern.slice(at + this.below(2));
		}
		return pattern;
	}

	// Instants at which the offset of a zone changes.
	changesOf(zone) {
		if (this.changes.has(zone))
			return this.changes.get(zone);
		const found = [];
		const rules = new IANAZone(zone);
		for (let t = Date.UTC(2008, 0, 1); rules.isValid
			&& t < Date.UTC(2036, 0, 1); t += 10 * DAY) {
			let low = t;
			let high = t + 10 * DAY;
			const before = rules.offset(low);
			if (before === rules.offset(high))
				continue;
			while (high - low > 1000) {
				const middle = low + Math.floor((high - low) / 2000) * 1000;
				if (rules.offset(middle) === before)
					low = middle;
				else
					high = middle;
			}
			found.push(high);
		}
		this.changes.set(zone, found);
		return found;
	}

	instant(zone) {
		const changes = this.changesOf(zone);
		if (changes.length > 0 && this.random() < 0.7)
			return this.of(changes) + this.between(-30 * HOUR, 6 * HOUR);
		const at = this.between(Date.UTC(2008, 0, 1), Date.UTC(2035, 0, 1));
		return this.random() < 0.5 ? at : at - at % 1000;
	}

	question(pattern) {
		const zone = this.of(ZONES);
		const from = this.instant(zone);
		return { pattern, zone, from, seed: `seed ${this.below(50)} ü€😀`,
			...(this.random() < 0.2
				&& { until: from + this.below(40 * DAY) }) };
	}

	questions(n, pattern) {
		return Array.from({ length: n },
			() => this.question(pattern.call(this)));
	}
}

describe('cron, as BullMQ understands it', { timeout: 600000 }, () => {
	let draw;
	before(async () => {
		draw = new Draw(SEED);
		await findChanged();
	});

	it(`comes to the same instants (SEED=${SEED})`, async () => {
		const n = await compare(draw.questions(PATTERNS, draw.pattern));
		assert.ok(n.instants > PATTERNS / 3, JSON.stringify(n));
	});

	it('finds the same patterns wrong', async () => {
		const n = await compare(draw.questions(PATTERNS, draw.damaged));
		assert.ok(n.wrong > PATTERNS / 20 && n.instants > PATTERNS / 40,
			JSON.stringify(n));
	});

	it('walks the same way through every hour around a change', async () => {
		const questions = [];
		const patterns = ['30 2 * * *', '0 0 * * *', '*/7 * * * *',
			'0 */2 * * *', '15 1-3 * * *', '0 0 1,2,3 * * *',
			'*/20 30 0,23 * * *', '0 1 * * 0', '59 23 * * *',
			'0 3 L * *', '* * * * *', '5 0-23 * * *'];
		for (const zone of ZONES.filter((name) => name.includes('/'))) {
			for (const change of draw.changesOf(zone).slice(-2)) {
				for (const pattern of patterns) {
					for (let h = -26; h <= 4; h += 5)
						questions.push({ zone, pattern,
							from: change + h * HOUR / 2 });
				}
			}
		}
		await compare(questions);
	});

	it('agrees on odd patterns', async () => {
		const from = Date.UTC(2026, 1, 27, 12);
		const patterns = ['', ' ', '*', '5', '1 2', '* * * * * * *',
			'@hourly', ' @hourly', '@Hourly', '0 0 29 2 *', '0 0 30 2 *',
			'0 0 31 4 *', '0 0 31 2,4 *', '0 0 30 2 1', '0 0 31 1-6 *',
			'0 0 29 2 1', '0 0 L 2 *', '0 0 31,L 2 *', '0 0 L,L * *',
			'0 0 5L,6L * *', '0 0 L5 * *', '0 0 LL * *', '0 0 1W * *',
			'0 0 * * L', '0 0 * * 5L', '0 0 * * 10L', '0 0 * * 1,5L',
			'0 0 * * friL', '0 0 * * JUL', '0 0 * * JUL#1', '0 0 * * 7L',
			'0 0 * * 5#3', '0 0 * * fri#03', '0 0 * * 5#6', '0 0 * * 5#0',
			'0 0 * * 5#', '0 0 * * #2', '0 0 * * *#2', '0 0 * * 1-5#2',
			'0 0 * * 5#1#2', '0 0 * * 7', '0 0 * * 0,7', '0 0 * * 5-7',
			'0 0 * * 7-7', '0 0 * * 0-7', '0 0 * * 1-7/2', '0 0 * * */2',
			'0 0 * * */7', '0 0 * * 6-2', '0 0 * * 5-7,6', '0 0 * * 8',
			'0 0 * mon *', '0 0 * janfeb *', '0 0 * sun *', '0 0 * * xyz',
			'1* * * * *', '** * * * *', '*-5 * * * *', '*/0 * * * *',
			'*/ * * * *', '/5 * * * *', '5/7 * * * *', '5/7/9 * * * *',
			'1-5-9 * * * *', '-5 * * * *', '5- * * * *', '5-1 * * * *',
			'1,,2 * * * *', ',1 * * * *', '1, * * * *', '1,1 * * * *',
			'1-5,3 * * * *', '60 * * * *', '* 24 * * *', '* * 0 * *',
			'* * 32 * *', '* * * 0 *', '* * * 13 *', '007 * * * *',
			'99999999999999999999 * * * *', '*/99999999999 * * * *',
			'H H * * *', 'H/15 * * * *', 'H(5-10) * * * *',
			'H(10-5) * * * *', 'H(70-80) * * * *', 'H(50-80) * * * *',
			'H/0 * * * *', 'H/90 * * * *', 'H(0-9)/20 * * * *',
			'H(0-59)/7,5 * * * *', 'H-5 * * * *', 'h * * * *',
			'0 0 H H *', '0 0 * * H', '0 0 * * H#2', '0 0 * * H(1-5)#2',
			'0 0 * * H(1-5)', '* * * * 1\u00a0', '0\t0 * * *',
			'0\u20030 * * *', '0 0 1 1 *\u3000', 'abc', '1 * * * * x',
			'é * * * *', `${'1,'.repeat(600)}1 * * * *`,
			`0 ${' '.repeat(1100)} 0 * * *`];
		await compare(patterns.map((pattern) => ({ pattern, from,
			zone: 'Europe/Berlin', seed: 'a seed' })));
	});

	it('knows the same zones', async () => {
		const from = Date.UTC(2026, 6, 1);
		const compareZones = (zones) => compare(zones.map((zone) =>
			({ zone, from, pattern: '30 5 * * *' })));
		const known = await compareZones([...Intl.supportedValuesOf('timeZone'),
			...ZONES, ...NAMES]);
		assert.equal(known.zone, 0);
		const unknown = await compareZones(NO_ZONES);
		assert.equal(unknown.instants, 0);
	});

	it('takes bare offsets, as Nodes after 20 do', async () => {
		const from = Date.UTC(2026, 6, 1);
		const ours = await new Ours().answers(['+02:00', '-0330', '+14']
			.map((zone) => ({ zone, from, pattern: '0 12 * * *' })));
		assert.deepEqual(ours, [10, 15.5, 22].map((hour) =>
			String(from + hour * HOUR)));
	});
});
