import { expect } from 'chai';
import { launchOf, threadsOf } from '../../src/cluster/launch.js';
import { ownPart } from '../../src/cluster/ownPart.js';
import { InputError, UsageError } from '../../src/errors.js';

const openMpi = { OMPI_COMM_WORLD_RANK: '2', OMPI_COMM_WORLD_SIZE: '4', OMPI_COMM_WORLD_LOCAL_SIZE: '2' };
const array = {
  SLURM_ARRAY_TASK_ID: '7',
  SLURM_ARRAY_TASK_MIN: '3',
  SLURM_ARRAY_TASK_MAX: '9',
  SLURM_ARRAY_TASK_STEP: '2',
  SLURM_ARRAY_TASK_COUNT: '4',
};

describe('who started a process', () => {
  it('Open MPI, MPICH and Intel MPI, and srun say rank and number', () => {
    expect(launchOf(openMpi)).to.deep.equal({ launcher: 'mpirun', rank: 2, size: 4, localSize: 2 });
    expect(launchOf({ PMI_RANK: '0', PMI_SIZE: '8', MPI_LOCALNRANKS: '8' })).to.deep.equal({
      ...{ launcher: 'mpirun', rank: 0, size: 8, localSize: 8 },
    });
    expect(launchOf({ SLURM_PROCID: '5', SLURM_NTASKS: '6', SLURM_STEP_NUM_TASKS: '6' })).to.deep.equal({
      ...{ launcher: 'srun', rank: 5, size: 6 },
    });
  });

  it('a batch script of Slurm is no rank, though it is told its number', () => {
    expect(launchOf({ SLURM_PROCID: '0', SLURM_NTASKS: '6' })).to.equal(undefined);
    expect(launchOf({})).to.equal(undefined);
  });

  it('a task of srun is one, also where the step does not count its tasks', () => {
    expect(launchOf({ SLURM_PROCID: '3', SLURM_NTASKS: '6' })?.rank).to.equal(3);
    expect(launchOf({ SLURM_PROCID: '0', SLURM_NTASKS: '6', SLURM_STEP_ID: '0' })?.size).to.equal(6);
  });

  it('of mpirun within srun, mpirun counts', () => {
    const both = { ...openMpi, SLURM_PROCID: '0', SLURM_STEP_NUM_TASKS: '1' };
    expect(launchOf(both)?.rank).to.equal(2);
  });

  it('what makes no sense is named', () => {
    expect(() => launchOf({ PMI_RANK: 'x', PMI_SIZE: '4' })).to.throw(InputError, "PMI_RANK is 'x'");
    expect(() => launchOf({ PMI_RANK: '4', PMI_SIZE: '4' })).to.throw(InputError, 'only 4 processes');
    expect(() => launchOf({ PMI_RANK: '0', PMI_SIZE: '0' })).to.throw(InputError, 'from 1 on');
  });

  it('ranks of a machine share its cores', () => {
    const launch = { launcher: 'mpirun', rank: 0, size: 8, localSize: 4 };
    expect(threadsOf(launch, 16, 16)).to.equal(4);
    expect(threadsOf(launch, 16, 1)).to.equal(1);
    expect(threadsOf(launch, 2, 2)).to.equal(1);
    expect(threadsOf({ ...launch, localSize: 1 }, 16, 16)).to.equal(undefined);
    expect(threadsOf(undefined, 16, 16)).to.equal(undefined);
  });
});

describe('the part that is a process’ own', () => {
  it('is its rank, its task of an array, or its pod', () => {
    expect(ownPart(openMpi)).to.deep.equal({ index: 3, count: 4, said: 'mpirun', isTogether: true });
    expect(ownPart(array)).to.deep.include({ index: 3, count: 4, isTogether: false });
    expect(ownPart({ JOB_COMPLETION_INDEX: '0', ARPG_SHARDS: '5' })).to.deep.include({
      ...{ index: 1, count: 5, isTogether: false },
    });
    expect(ownPart({ JOB_COMPLETION_INDEX: '3' })).to.equal(undefined);
    expect(ownPart({ ...openMpi, ARPG_SHARDS: '1' })).to.equal(undefined);
    expect(ownPart({ OMPI_COMM_WORLD_RANK: '0', OMPI_COMM_WORLD_SIZE: '1' })).to.equal(undefined);
  });

  it('ranks of each task of an array have parts of its part, all of them once', () => {
    const all = [3, 5, 7, 9].flatMap((id) =>
      [0, 1, 2].map((rank) =>
        ownPart({
          ...{ ...array, SLURM_ARRAY_TASK_ID: String(id) },
          ...{ OMPI_COMM_WORLD_RANK: String(rank), OMPI_COMM_WORLD_SIZE: '3' },
        }),
      ),
    );
    expect(all.map((part) => part?.index)).to.deep.equal(Array.from({ length: 12 }, (_, index) => index + 1));
    expect(new Set(all.map((part) => part?.count))).to.deep.equal(new Set([12]));
  });

  it('an array with gaps, and an index beyond the number, are refused', () => {
    expect(() => ownPart({ ...array, SLURM_ARRAY_TASK_COUNT: '3' })).to.throw(UsageError, 'gaps');
    expect(() => ownPart({ ...array, SLURM_ARRAY_TASK_ID: '6' })).to.throw(UsageError, 'gaps');
    expect(() => ownPart({ JOB_COMPLETION_INDEX: '5', ARPG_SHARDS: '5' })).to.throw(
      UsageError,
      'ARPG_SHARDS says 5',
    );
  });
});
