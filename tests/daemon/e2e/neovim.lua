-- Run inside Neovim by test_neovim.py: opens a file, does what a person does, and writes what there was to see as JSON.
local file, report, python = os.getenv('E2E_FILE'), os.getenv('E2E_REPORT'), os.getenv('E2E_PYTHON')
local code = os.getenv('E2E_CODE')
local seen = { popups = {} }

local function wait(what, ready)
  if not vim.wait(60000, ready, 20) then
    error('waited in vain for ' .. what)
  end
end

local function diagnostics()
  local found = {}
  for _, d in ipairs(vim.diagnostic.get(0)) do
    local lsp = d.user_data and d.user_data.lsp or {}
    table.insert(found, { code = d.code or lsp.code, line = d.lnum + 1, column = d.col, message = d.message })
  end
  return found
end

local function with_code()
  for _, d in ipairs(diagnostics()) do
    if d.code == code then
      return d
    end
  end
end

local function floating()
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    if vim.api.nvim_win_get_config(window).relative ~= '' then
      return window
    end
  end
end

local function lines()
  return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n') .. '\n'
end

local function session()
  vim.cmd('edit ' .. file)
  vim.bo.filetype = 'python'
  local client = vim.lsp.start_client({
    name = 'advisor',
    cmd = { python, '-m', 'advisor', 'lsp' },
    root_dir = vim.fn.fnamemodify(file, ':h'),
    init_options = { trusted = true },
    handlers = {
      ['window/showMessage'] = function(_, params)
        table.insert(seen.popups, params.message)
      end,
    },
  })
  vim.lsp.buf_attach_client(0, client)
  wait('diagnostics', with_code)
  seen.diagnostics = diagnostics()

  local found = with_code()
  vim.api.nvim_win_set_cursor(0, { found.line, found.column })
  vim.lsp.buf.hover()
  wait('the hover', floating)
  local window = floating()
  seen.hover = table.concat(vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(window), 0, -1, false), '\n')
  vim.api.nvim_win_close(window, true)

  vim.ui.select = function(items, _, choose)
    seen.actions = {}
    local chosen
    for _, item in ipairs(items) do
      local action = item.action or item[2] -- item[2] until Neovim 0.9
      table.insert(seen.actions, action.title)
      if action.title == 'Ignore ' .. code .. ' here' then
        chosen = item
      end
    end
    choose(chosen, 1)
  end
  local before = lines()
  vim.lsp.buf.code_action()
  wait('the edit', function() return lines() ~= before end)
  seen.edited = lines()
  wait('the finding to go', function() return not with_code() end)
  seen.after = diagnostics()
  vim.cmd('undo')
  seen.undone = lines() == before
  wait('the finding to come back', with_code)
  seen.back = with_code()

  vim.lsp.get_client_by_id(client).stop()
  wait('the server to end', function() return vim.lsp.get_client_by_id(client) == nil end)
end

local ok, problem = xpcall(session, debug.traceback)
if not ok then
  seen.problem = problem
  seen.diagnostics = diagnostics()
end
local handle = assert(io.open(report, 'w'))
handle:write(vim.json.encode(seen))
handle:close()
vim.cmd(ok and 'qall!' or 'cquit 1')
