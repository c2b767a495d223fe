import { expect } from 'chai';
import { handlesOf } from '../../src/cluster/mpiHandles.js';
import { libraryNames, openMpiLibrary } from '../../src/cluster/mpiLibrary.js';
import { InputError } from '../../src/errors.js';

describe('handles of MPI', () => {
  it('are told by the file and by what it exports', () => {
    const none = () => false;
    expect(handlesOf('libmpi.so.40', (name) => name === 'ompi_mpi_comm_world').family).to.equal('Open MPI');
    expect(handlesOf('libmpi.so.12', none)).to.deep.include({ family: 'MPICH', world: 0x44000000 });
    // The standard's interface may be that of a library that has one of its own beside it.
    expect(handlesOf('libmpi_abi.so.0', () => true)).to.deep.include({ family: 'the MPI ABI', world: 0x101 });
  });

  it('the launcher’s library is looked for first, one that is named alone', () => {
    expect(libraryNames({}, 'linux')[0]).to.equal('libmpi.so.40');
    expect(libraryNames({ PMI_RANK: '0' }, 'linux')[0]).to.equal('libmpi.so.12');
    expect(libraryNames({ PMI_RANK: '0', OMPI_COMM_WORLD_RANK: '0' }, 'linux')[0]).to.equal('libmpi.so.40');
    expect(libraryNames({ ARPG_MPI: '/opt/libmpi.so' }, 'linux')).to.deep.equal(['/opt/libmpi.so']);
    expect(libraryNames({}, 'darwin')).to.include('libmpi.dylib');
  });

  it('one that is named and is not there is said', async () => {
    const error = await openMpiLibrary({ ARPG_MPI: '/nonexistent/libmpi.so' }).catch(
      (reason: Error) => reason,
    );
    expect(error).to.be.instanceOf(InputError);
    expect((error as Error).message).to.include('ARPG_MPI=/nonexistent/libmpi.so');
  });
});
