--- The program that is started: `advisor lsp`, of the environment that has it.

local editor = require('advisor.editor')
local options = require('advisor.options')

local M = {}

local WINDOWS = vim.fn.has('win32') == 1

-- Looks without importing, and not in the folder that it is run in.
local PROBE = 'import sys; sys.path = [p for p in sys.path if p]; import importlib.util as u; '
  .. 'sys.exit(u.find_spec("advisor.daemon") is None)'

--- The program of a virtual environment, nil when it is not installed there.
local function of_environment(folder)
  local path = folder .. (WINDOWS and '/Scripts/advisor.exe' or '/bin/advisor')
  return vim.fn.executable(path) == 1 and path or nil
end

--- The Python on the PATH, if the advisor is installed for it.
local function of_python()
  local python = vim.fn.exepath('python3')
  if python == '' then
    return nil
  end
  vim.fn.system({ python, '-c', PROBE })
  return vim.v.shell_error == 0 and python or nil
end

-- How the advisor is started for a root: a command without its last word `lsp`, the folder to start it in (nil: any),
-- and where that was found. Without a program: nil and a sentence. A root that is not trusted is not looked into.
local function find(root, trusted)
  local environment = vim.env.VIRTUAL_ENV
  local found = environment and environment ~= '' and of_environment(environment)
  if found then
    return { found }, nil, 'VIRTUAL_ENV'
  end
  found = trusted and of_environment(root .. '/.venv')
  if found then
    return { found }, nil, '.venv of the project'
  end
  found = vim.fn.exepath('advisor')
  if found ~= '' then
    return { found }, nil, 'PATH'
  end
  found = of_python()
  if found then -- `-m` imports from the folder that it is started in: one without a project
    return { found, '-m', 'advisor' }, editor.real('/'), 'python3 on PATH'
  end
  return nil, 'there is no program advisor in VIRTUAL_ENV, in a trusted .venv or on PATH: `pip install nas-advisor`, '
    .. 'or name it with the option cmd'
end

--- The command of the language server for a root, the folder to start it in, and where it was found; nil and a sentence
--- without any.
function M.server(root, trusted)
  local given = options.values.cmd
  if given then
    if vim.fn.executable(given[1]) == 0 then
      return nil, ('cannot run %s, which the option cmd names: correct it'):format(given[1])
    end
    return vim.deepcopy(given), nil, 'the option cmd'
  end
  local command, folder, where = find(root, trusted)
  if command then
    table.insert(command, 'lsp')
  end
  return command, folder, where
end

--- The command of the advisor itself, as above: what stands before `lsp` in the option cmd.
function M.command(root, trusted)
  local command, folder, where = M.server(root, trusted)
  while command and table.remove(command) ~= 'lsp' do
    if #command == 0 then
      return nil, "the option cmd does not say `lsp`, so the advisor's own command is not known from it"
    end
  end
  return command, folder, where
end

return M
